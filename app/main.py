"""The application and the server, from settings."""

import asyncio
import gc
import logging
import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from app.api.app import create_app
from app.api.limits import Limits
from app.api.protocol import limited_heads
from app.keys import KeyRing
from app.logs.writer import LogWriter
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.engine import Engine, LocalEngine
from app.settings import Settings
from app.telemetry import Telemetry

log = logging.getLogger(__name__)


def build(settings: Settings, lines: LogWriter | None = None) -> tuple[ASGIApp, Engine]:
    """Without `lines` requests are not logged. Raises ValueError and OSError for settings that cannot be used."""
    limits = Limits(
        settings.max_body_bytes,
        settings.max_items,
        settings.request_timeout_s,
        task_body_bytes=settings.task_body_bytes,
    )
    keys = _keys(settings)
    telemetry = Telemetry(lambda: lines.dropped if lines else 0)
    engine = LocalEngine(
        ModelRepository(settings.models_dir),
        telemetry,
        options=RuntimeOptions(device=settings.device, threads=settings.threads),
        max_queue_size=settings.max_queue_size,
        keep_versions=settings.keep_versions,
        drain_timeout_s=settings.drain_timeout_s,
        num_threads=settings.threads,
        after_change=_spare_what_stays,
    )
    application = create_app(
        engine,
        telemetry,
        limits,
        keys=keys,
        cors_origins=settings.cors_origins,
        write_line=lines.access if lines else None,
        line_share=settings.log_requests,
    )
    return application, engine


def _spare_what_stays() -> None:
    """Free what nobody needs any more, and keep the garbage collector from looking at the rest again.

    That is a hundred thousand objects, of which every full collection would keep all callers waiting for some 50 ms,
    every few seconds under load.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _keys(settings: Settings) -> KeyRing | None:
    if not settings.asks_for_keys:
        log.info("no keys are asked for: whoever reaches %s:%d may call", settings.host, settings.port)
        return None
    keys = KeyRing(settings.keys_file)
    if keys:
        log.info("callers need a key, of the %d in %s", len(keys), settings.keys_file)
    else:
        log.warning("callers need a key, and there are none in %s: python -m app keys add NAME", settings.keys_file)
    return keys


class Server(uvicorn.Server):
    """Uvicorn, which on the first SIGTERM goes on listening while what was admitted is answered.

    In that time readiness is false and new requests get 503, so that a load balancer takes them elsewhere.
    """

    def __init__(self, app: ASGIApp, engine: Engine, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                proxy_headers=False,  # nothing here depends on who asks
                server_header=False,
                http=limited_heads(settings.max_header_bytes),
                timeout_graceful_shutdown=round(settings.drain_timeout_s) + 5,
            )
        )
        self._engine = engine
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.started and self._draining is None:
            self._loop.call_soon_threadsafe(self._drain)
        else:  # not serving yet, or asked twice: now
            self.should_exit = self.force_exit = True

    def _drain(self) -> None:
        async def drain_then_exit() -> None:
            log.info("stopping: answering what was admitted")
            try:
                await self._engine.stop()
            finally:
                self.should_exit = True

        self._draining = asyncio.ensure_future(drain_then_exit())
