"""Faults that callers make: rows that cannot be computed, connections that end, kernels that never do."""

import json
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from time import monotonic, sleep

import httpx

from benchmarks.chaos.models import DEADLY, FOR_EVER, REAL, TABLE_ROWS
from benchmarks.chaos.world import World, require

SECONDS = 4.0
HEAD = "POST /v1/models/{model}/predict HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
POISON = [
    ("picky", json.dumps({"inputs": [{"x": [TABLE_ROWS + 5]}]}), 422),
    ("picky", '{"inputs": [{"x": [1]}, {"x": [-100]}, {"x": [2]}]}', 422),
    ("doubled", '{"inputs": [{"x": [1, 2]}]}', 422),
    ("doubled", '{"inputs": [{"x": ["a", "b", "c"]}]}', 422),
    ("doubled", '{"inputs": [{"y": [1, 2, 3]}]}', 422),
    ("doubled", '{"inputs": ' + "[" * 3000, 422),
    (REAL, '{"inputs": ["good", "   "]}', 422),
    (REAL, '{"inputs": ["\\ud800"]}', 422),
    (REAL, '{"inputs": ["%s"]}' % ("word " * 5000), 422),
]


def poison_rows(world: World) -> str:
    """Rows that their own graph refuses, and bodies that nobody can read, beside good rows of the same models."""
    until, sent, other = monotonic() + SECONDS, 0, set[str]()

    def send() -> int:
        count = 0
        with httpx.Client(base_url=world.url, timeout=60) as client:
            while monotonic() < until:
                for model, body, expected in POISON:
                    answer = client.post(f"/v1/models/{model}/predict", content=body)
                    count += 1
                    if answer.status_code not in (expected, 404):  # the real model need not be there
                        other.add(f"{model} answers {answer.status_code} to {body[:60]}")
        return count

    with ThreadPoolExecutor(4) as pool:
        sent = sum(pool.map(lambda _: send(), range(4)))
    require(not other, "; ".join(sorted(other)))
    return f"{sent} spoilt requests"


def hang_ups(world: World) -> str:
    """Clients that leave: amid the headers, amid the body, before the answer, amid the answer."""
    body = json.dumps({"inputs": [{"x": [1.0, 2.0, 3.0]}] * 200}).encode()
    slow = json.dumps({"inputs": [{"x": [100_000.0]}] * 4}).encode()
    count, until = 0, monotonic() + SECONDS
    while monotonic() < until:
        for model, content, part in (
            ("doubled", body, 0.0),
            ("doubled", body, 0.5),
            ("doubled", body, 1.0),
            ("counting", slow, 1.0),
        ):
            head = HEAD.format(model=model, length=len(content)).encode()
            whole = head + content
            with suppress(OSError), socket.create_connection(("127.0.0.1", world.port), timeout=10) as connection:
                cut = len(head) // 2 if part == 0.0 else len(head) + int(part * len(content))
                connection.sendall(whole[:cut])
                if part == 1.0 and count % 2:
                    connection.recv(10)
                if count % 3 == 0:  # a reset instead of an end
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            count += 1
        sleep(0.01)
    return f"{count} clients left"


def hanging_kernels(world: World) -> str:
    """Rows whose kernel never ends, more at a time than there are threads, with little and with much patience."""
    with ThreadPoolExecutor(8) as pool:
        asked: list[Future[httpx.Response]] = [
            pool.submit(world.ask, "counting", FOR_EVER, deadline_ms=deadline_ms)
            for deadline_ms in (1_000, 2_000, 15_000, 15_000, 15_000)
        ]
        statuses = sorted(each.result().status_code for each in asked)
    require(set(statuses) <= {429, 503, 504}, f"what never ends was answered with {statuses}")
    return f"answered with {statuses}"


def worker_death(world: World) -> str:
    """Rows that end the thread which computes them, beside good rows of the same model."""
    statuses = []
    for _ in range(4):
        body = {"inputs": [{"x": [1.0, 2.0, 3.0]}, {"x": [DEADLY, 1.0, 1.0]}]}
        statuses.append(world.http.post("/v1/models/mortal/predict", json=body).status_code)
        sleep(SECONDS / 8)
    require(set(statuses) <= {500, 503}, f"what ends a thread was answered with {statuses}")
    return f"answered with {statuses}"
