"""Who reads and writes large bodies beside the event loop, and for whom next."""

import asyncio
import gzip
import json
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import thread_time
from typing import Any

import pytest
from engines import far_engine
from graphs import publish_cumulated
from httpx import ASGITransport, AsyncClient

from app.api.app import create_app
from app.api.http.aside import Aside
from app.api.http.limits import Limits
from app.telemetry import Telemetry


def compute() -> None:
    end = thread_time() + 0.11  # more than makes callers equals
    while thread_time() < end:
        pass


Work = Callable[[Aside, Callable[[], None]], Coroutine[Any, Any, None]]


@pytest.mark.parametrize(
    "work",
    [partial(Aside.read, is_quick=False), partial(Aside.make, is_quick=False), Aside.inflate],
    ids=["read", "make", "inflate"],
)
def test_large_bodies_of_one_caller_do_not_keep_those_of_another_waiting(work: Work):
    aside, read = Aside(), []

    async def ask(caller: str) -> None:
        await work(aside.of(caller), compute)
        read.append(caller)

    async def main() -> None:
        many = [asyncio.create_task(ask("many")) for _ in range(4)]
        await asyncio.sleep(0.01)
        await ask("few")
        await asyncio.gather(*many)

    asyncio.run(main())
    aside.close()
    assert sorted(read) == ["few", "many", "many", "many", "many"]
    assert read.index("few") <= 1  # or even before the first, if that takes long on a busy machine


NUMBERS = {"name": "x", "datatype": "FP32", "shape": [30_000], "data": [0] * 30_000}


@pytest.mark.parametrize(
    ("method", "path", "content", "headers"),
    [
        ("GET", "/metrics", b"", {}),
        ("POST", "/v2/models/sums/infer", json.dumps({"inputs": [NUMBERS]}).encode(), {}),
        (
            "POST",
            "/v2/models/sums/infer",
            gzip.compress(json.dumps({"inputs": [NUMBERS]}).encode() + b" " * 9_000_000),
            {"Content-Encoding": "gzip"},
        ),
    ],
    ids=["metrics", "many numbers", "compressed"],
)
def test_no_request_waits_in_a_queue_that_all_callers_have_together(tmp_path: Path, method, path, content, headers):
    """The one of `asyncio.to_thread` is full here, for good."""
    publish_cumulated(tmp_path / "models", tmp_path)
    telemetry, go = Telemetry(), threading.Event()
    engine = far_engine(tmp_path / "models", telemetry)
    app = create_app(engine, telemetry, Limits(request_timeout_s=10))

    async def main() -> int:
        await engine.load()
        threads = ThreadPoolExecutor(1)
        full = threads.submit(go.wait, 30)
        asyncio.get_running_loop().set_default_executor(threads)
        try:
            async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
                reply = await client.request(method, path, content=content, headers=headers)
            assert not full.done()
            return reply.status_code
        finally:
            go.set()
            await engine.stop()

    assert asyncio.run(asyncio.wait_for(main(), 20)) == 200
