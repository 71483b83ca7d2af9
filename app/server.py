"""The server of HTTP: uvicorn, with our protocol and our way to stop."""

import asyncio
import faulthandler
import logging
import socket
from collections.abc import Sequence
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from app.api.http.bounds import ConnectionLimits
from app.api.http.certificate import Certificate
from app.api.http.connections import Connections
from app.api.http.handshake import behind_tls
from app.api.http.limits import LARGEST_AT_A_TIME
from app.api.http.middleware import RequestContext
from app.api.http.protocol import bounded
from app.ending import goodbye_s, stderr_that_never_blocks
from app.serving.engine import Engine
from app.settings import Settings

if TYPE_CHECKING:
    from app.api.grpc.server import GrpcServer

log = logging.getLogger(__name__)


def _protocol(settings: Settings) -> type[asyncio.Protocol]:
    """The protocol that speaks with clients. Raises ValueError for files of TLS that cannot be used."""
    bounds = ConnectionLimits(
        Connections(settings.num_connections),
        settings.max_header_bytes,
        linger_bytes=LARGEST_AT_A_TIME * settings.max_body_bytes,
    )
    if settings.tls_files is None:
        return bounded(bounds)
    return behind_tls(bounded(bounds), bounds, Certificate(*settings.tls_files))


class Server(uvicorn.Server):
    """Uvicorn, which on the first SIGTERM goes on listening while what was admitted is answered.

    In that time readiness is false and new requests get 503, so that a load balancer takes them elsewhere. The process
    has ended `drain_timeout_s` after the signal, whatever hangs in it; a second signal means now.

    `grpc` listens for as long as it does, on the port of its own that the settings name.
    """

    def __init__(
        self, app: RequestContext, engine: Engine, settings: Settings, grpc: "GrpcServer | None" = None
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=[*settings.trusted_proxies],
                server_header=False,
                http=_protocol(settings),
                ws="none",  # no route speaks it, and what asks for it is answered as HTTP
            )
        )
        self._is_encrypted = settings.tls_files is not None
        self._app = app
        self._engine = engine
        self._grpc = grpc
        self._grpc_port = settings.grpc_port or 0
        self._limit_s = settings.drain_timeout_s
        self._goodbye_s = goodbye_s(settings.drain_timeout_s)
        self._ends_at: float | None = None
        self._draining: asyncio.Task[None] | None = None
        self._last_words = stderr_that_never_blocks()

    def _log_started_message(self, listeners: Sequence[socket.SocketType]) -> None:
        """In place of uvicorn's own, which does not know that the handshake is before its protocol."""
        scheme = "https" if self._is_encrypted else "http"
        for listener in listeners:
            host, port = listener.getsockname()[:2]
            log.info("listening on %s://%s:%d", scheme, f"[{host}]" if ":" in host else host, port)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        if self._grpc is not None:
            try:
                await self._grpc.start(self.config.host, self._grpc_port)
            except OSError as error:
                log.error("%s", error)
                self.should_exit = True
                return
            log.info("gRPC on %s:%d", self.config.host, self._grpc_port)
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.started and self._ends_at is None:
            self._ends_at = monotonic() + self._limit_s
            self._end_anyway(self._limit_s)
            self._loop.call_soon_threadsafe(self._drain)
        else:  # not serving yet, or asked twice: now
            self._end_anyway(1.0)
            self.should_exit = self.force_exit = True

    def _end_anyway(self, after_s: float) -> None:
        """End the process after so many seconds, with status 1, even if no Python code can run then."""
        faulthandler.dump_traceback_later(after_s, exit=True, file=self._last_words)

    def _drain(self) -> None:
        async def drain_then_exit() -> None:
            assert self._ends_at is not None
            log.info("stopping: answering what was admitted")
            self._app.refuse_bodies()
            stopping = asyncio.ensure_future(self._engine.stop())
            # Of the goodbye a quarter is for answers that are on their way then, and a half to close what is left.
            await asyncio.wait({stopping}, timeout=self._limit_s - 0.75 * self._goodbye_s)
            if self._grpc is not None:
                await self._grpc.stop(0.25 * self._goodbye_s)
            # What is left has been answered, or is about to be: bodies that still come, answers that still go.
            self.config.timeout_graceful_shutdown = max(0, self._ends_at - monotonic() - 0.5 * self._goodbye_s)  # type: ignore[assignment]
            self.should_exit = True

        self._draining = asyncio.ensure_future(drain_then_exit())
