"""Questions to our service alone: how fast it starts with all models, and whether its memory grows."""

import http.client
import json
import os
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import load
from benchmarks.graphs import FOLDER, MODELS, texts
from benchmarks.processes import free_port, rss_bytes, started
from benchmarks.requests import Request
from benchmarks.running import ServerFailed
from benchmarks.scenarios import SOAK_MODELS

START_S = 60.0
SAMPLES = 200  # of memory, over the soak

Say = Callable[[str], None]


class Service:
    """Our service with a repository of models."""

    def __init__(self, models: Path) -> None:
        self.port = free_port()
        self.command = [sys.executable, "-m", "app", "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        self.environment = {"TESSERA_MODELS_DIR": str(models.absolute())}

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON, or status 0 while nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()

    def is_ready(self) -> bool:
        return self.get("/health/ready")[0] == 200

    def has_ready_model(self) -> bool:
        status, found = self.get("/v1/models")
        return status == 200 and any(model["state"] == "ready" for model in found["models"])


def soak_models() -> Path:
    """A repository with those of the soak, whatever else lies in models/."""
    folder = FOLDER / "repositories" / "soak"
    folder.mkdir(parents=True, exist_ok=True)
    for name in SOAK_MODELS:
        if not (folder / name).exists():
            (folder / name).symlink_to((MODELS / name).absolute())
    return folder


def measure_startup() -> dict[str, Any]:
    """Seconds until the first and until every model is ready, as `make serve` starts them, and memory then."""
    service = Service(MODELS)
    cores = sorted(os.sched_getaffinity(0))
    with (FOLDER / "logs" / "startup.log").open("wb") as log:
        began = time.perf_counter()
        with started(service.command, service.environment, cores, log) as process:
            first_s = _seconds_until(service.has_ready_model, began)
            ready_s = _seconds_until(service.is_ready, began)
            rss = rss_bytes(process.pid)
    weights = sum(file.stat().st_size for file in MODELS.glob("*/*/*.onnx"))
    return {"first_model_s": first_s, "ready_s": ready_s, "rss_mb": rss / 1e6, "weights_mb": weights / 1e6}


def _seconds_until(is_so: Callable[[], bool], began: float) -> float:
    while not is_so():
        if time.perf_counter() - began > START_S:
            raise ServerFailed(f"not ready in {START_S:.0f} s; see {FOLDER}/logs")
        time.sleep(0.01)
    return time.perf_counter() - began


def measure_soak(num_requests: int, rate: float, say: Say) -> dict[str, Any]:
    """`num_requests` over the four models, at random and at `rate` a second; memory against the number of requests."""
    service = Service(soak_models())
    messages = [(share, soak_messages(model)) for model, share in SOAK_MODELS.items()]
    chance = random.Random(0)
    weights = [share for share, _ in messages]
    plan = [chance.choice(chance.choices(messages, weights)[0][1]) for _ in range(num_requests)]
    due = load.arrivals(rate, 2 * num_requests / rate, 0)[:num_requests]
    with (
        (FOLDER / "logs" / "soak.log").open("wb") as log,
        started(service.command, service.environment, sorted(os.sched_getaffinity(0)), log) as process,
    ):
        _seconds_until(service.is_ready, time.perf_counter())
        samples: list[tuple[int, float]] = []

        def note(i: int) -> None:
            if i % max(1, num_requests // SAMPLES) == 0:
                samples.append((i, rss_bytes(process.pid) / 1e6))
            if i % max(1, num_requests // 20) == 0:
                say(f"soak: {i:,} requests, {samples[-1][1]:.0f} MB")

        outcomes = uvloop.run(load.open_loop("127.0.0.1", service.port, due, plan.__getitem__, progress=note))
        samples.append((num_requests, rss_bytes(process.pid) / 1e6))
    return {
        "samples": samples,
        "growth": growth(samples),
        **load.summarize(outcomes, due[-1]),
        "shares": SOAK_MODELS,
    }


def growth(samples: list[tuple[int, float]]) -> float:
    """Mean memory of the last tenth of the requests over that of the second tenth, less one."""
    last = samples[-1][0]
    second = [mb for i, mb in samples if 0.1 * last <= i < 0.2 * last]
    final = [mb for i, mb in samples if i >= 0.9 * last]
    return sum(final) / len(final) / (sum(second) / len(second)) - 1


def soak_messages(model: str) -> list[bytes]:
    path = f"/v1/models/{model}/predict"
    if model == "imagenet-efficientnet":
        return Request(path, "image/jpeg", FOLDER / "bodies" / "photo.jpg").messages()
    as_json = partial(_json_message, path)
    if model == "reviews-sentiment":
        return [as_json({"inputs": [text], "parameters": {"truncate": True}}) for text in texts()]
    if model == "article-summarizer":
        chosen = [text.rstrip(". ") for text in texts()]
        articles = [". ".join(chosen[start : start + 5]) + "." for start in range(0, 500, 5)]
        return [as_json({"inputs": [text], "parameters": {"truncate": True}}) for text in articles]
    chance = random.Random(0)
    return [
        as_json({"inputs": [chance.sample(range(1, 200), 8)], "parameters": {"unknown": "ignore"}}) for _ in range(500)
    ]


def _json_message(path: str, body: Any) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: benchmark\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
    )
    return f"{head}\r\n\r\n".encode() + content
