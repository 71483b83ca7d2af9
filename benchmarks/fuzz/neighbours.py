"""Callers who know what they should be told, and ask again and again."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

from app.repository.golden import difference
from benchmarks.fuzz.asked import Answer, Asked, connected, renewed

JSON = ("Content-Type", "application/json")
PHOTO = Path("app/api/pages/samples/cat.jpg")
KNOWN = [
    (
        "/v1/models/reviews-sentiment/predict",
        {"inputs": ["A wonderful little film.", "Utterly dull and far too long."]},
    ),
    (
        "/v1/models/article-summarizer/predict",
        {"inputs": ["A storm hit the coast. The pier is closed. It opens again soon."]},
    ),
    ("/v1/models/movielens-recommender/predict", {"inputs": [{"history": ["Alien (1979)", "Blade Runner (1982)"]}]}),
    (
        "/v1/models/smollm2-instruct/predict",
        {"inputs": [{"text": "The capital of France is"}], "parameters": {"max_new_tokens": 8, "temperature": 0}},
    ),
    ("/v1/models/time-series-forecaster/predict", {"inputs": [{"values": [float(i % 12) for i in range(60)]}]}),
]
TOLERANCE = 0.02  # int8 kernels differ by their company
PAUSE_S = 0.05


def questions() -> list[Asked]:
    """One of each kind of model; those that are not served are left out later."""
    path = "/v1/models/imagenet-efficientnet/predict"
    photo = Asked(path, "POST", path, (("Content-Type", "image/jpeg"),), PHOTO.read_bytes())
    return [photo, *(Asked(path, "POST", path, (JSON,), json.dumps(body).encode()) for path, body in KNOWN)]


async def known_answers(port: int, asked: list[Asked]) -> list[tuple[Asked, Any]]:
    """Each question with the answer to it while the service has nothing else to do."""
    connection, found = await connected(port), []
    for one in asked:
        answer = await connection.ask(one)
        if answer.status == 200:
            found.append((one, json.loads(answer.body)["outputs"]))
    connection.close()
    return found


class Neighbour:
    """One caller; `faults` counts what went wrong."""

    def __init__(self, port: int, known: tuple[Asked, Any]) -> None:
        self.asked, self._expected = known
        self.faults: Counter[str] = Counter()
        self.count = 0
        self._port = port

    async def watch(self) -> None:
        connection = await connected(self._port)
        try:
            while True:
                if not connection.is_open:
                    connection = await renewed(self._port, connection)
                answer = await connection.ask(self.asked)
                if not answer.status:  # closed while we were busy with spoiling requests
                    connection = await renewed(self._port, connection)
                    answer = await connection.ask(self.asked)
                self._compare(answer)
                await asyncio.sleep(PAUSE_S)
        finally:
            connection.close()

    def _compare(self, answer: Answer) -> None:
        self.count += 1
        # Too much to do, or too late, is an honest answer beside sixteen others; a wrong one never is.
        if answer.status == 200:
            if difference(self._expected, json.loads(answer.body)["outputs"], TOLERANCE):
                self.faults["another answer"] += 1
        elif answer.status not in (429, 504):
            self.faults[f"status {answer.status}"] += 1


async def keep_loaded(port: int, model: str) -> None:
    """Load what the others unload, every second."""
    path = f"/v2/repository/models/{model}/load"
    while True:
        connection = await connected(port)
        try:
            await connection.ask(Asked(path, "POST", path))
        finally:
            connection.close()
        await asyncio.sleep(1)
