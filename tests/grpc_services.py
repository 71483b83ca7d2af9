"""The server of gRPC on a loop of its own, so that clients can be asked from the thread of a test."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
from starlette.types import ASGIApp

from app.api.app import create_app
from app.api.grpc.methods import SERVICE
from app.api.grpc.server import GrpcServer
from app.api.http.limits import Limits
from app.keys import KeyRing
from app.logs.lines import AccessRecord
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.telemetry import Telemetry


class GrpcService:
    """A service that listens to gRPC alone; `lines` are those of its log."""

    def __init__(self, root: Path, limits: Limits, keys: KeyRing | None = None, **options: Any) -> None:
        self.lines: list[AccessRecord] = []
        self.telemetry = Telemetry()
        self._started: Future[int] = Future()
        self._stop: Future[None] = Future()
        self._thread = Thread(target=lambda: asyncio.run(self._serve(root, limits, keys, options)))
        self._thread.start()
        self.port = self._started.result(60)

    async def _serve(self, root: Path, limits: Limits, keys: KeyRing | None, options: dict[str, Any]) -> None:
        engine = LocalEngine(ModelRepository(root), self.telemetry, options=RuntimeOptions(device="cpu"))
        try:
            app = create_app(engine, self.telemetry, limits, keys=keys, write_line=self.lines.append)
            server = GrpcServer(app, engine, limits, keys, **options)
            async with lifespan(app):
                await engine.load()
                self._started.set_result(await server.start("127.0.0.1", 0))
                await asyncio.wrap_future(self._stop)
                await engine.stop()
                await server.stop(0.1)
        except BaseException as error:
            if not self._started.done():
                self._started.set_exception(error)
            raise

    def channel(self, **options: int) -> grpc.Channel:
        given = {"grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1}
        asked = {name.replace("__", "."): value for name, value in options.items()}
        return grpc.insecure_channel(f"127.0.0.1:{self.port}", options=[*given.items(), *asked.items()])

    def close(self) -> None:
        self._stop.set_result(None)
        self._thread.join(30)


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Start what an application runs and end its threads, as a server does (ASGI, lifespan)."""
    received, sent = asyncio.Queue[Any](), asyncio.Queue[Any]()
    running = asyncio.create_task(app({"type": "lifespan", "state": {}}, received.get, sent.put))
    await received.put({"type": "lifespan.startup"})
    await sent.get()
    yield
    await received.put({"type": "lifespan.shutdown"})
    await running


@contextmanager
def grpc_serving(root: Path, limits: Limits, keys: KeyRing | None = None, **options: Any) -> Iterator[GrpcService]:
    service = GrpcService(root, limits, keys, **options)
    try:
        yield service
    finally:
        service.close()


def unary(channel: grpc.Channel, method: str) -> Any:
    """A method whose messages are bytes."""
    return channel.unary_unary(f"/{SERVICE}/{method}" if "/" not in method else method)
