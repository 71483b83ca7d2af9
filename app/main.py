"""The application and the server, from settings."""

import asyncio
import faulthandler
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import uvicorn

from app.api.app import Beside, create_app
from app.api.http.bounds import ConnectionLimits
from app.api.http.certificate import Certificate
from app.api.http.connections import Connections
from app.api.http.handshake import behind_tls
from app.api.http.limits import LARGEST_AT_A_TIME, Limits
from app.api.http.middleware import RequestContext
from app.api.http.protocol import bounded
from app.api.kept import kept_answers
from app.api.media.json_text import JsonLimits
from app.ending import end_process, goodbye_s, stderr_that_never_blocks
from app.events.store import events_at
from app.kept_jobs import jobs_of
from app.keys import KeyRing
from app.local_engine import WhyMissing, local_engine
from app.logs.writer import LogWriter, start
from app.remote.mirror import Mirror
from app.remote.remote import opened
from app.repository.making import read_making
from app.repository.manifest import is_model_name
from app.repository.repository import ModelRepository
from app.runtimes.allocator import return_large_blocks
from app.runtimes.arena import open_arena
from app.runtimes.options import RuntimeOptions
from app.serving.being_made import BeingMade
from app.serving.engine import Engine, HoldingEngine
from app.serving.following import follow
from app.serving.mirroring import Mirroring
from app.serving.new_plans import NewPlans
from app.serving.traffic import TrafficEngine
from app.settings import Settings, TracingSettings
from app.tasks import TASKS
from app.telemetry import Telemetry, Tracer, Untraced

if TYPE_CHECKING:
    from app.api.grpc.server import GrpcServer

log = logging.getLogger(__name__)

MakeEngine = Callable[[Settings, Telemetry, ModelRepository, WhyMissing], HoldingEngine]


def open_tracer(settings: TracingSettings) -> Tracer:
    """Return what sends traces to where the environment says. Raises ValueError if the library for it is missing."""
    if not settings.endpoint:
        return Untraced()
    try:
        from app.telemetry.otlp import OtlpTracer
    except ImportError as error:
        raise ValueError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT asks for traces, and {error.name} is not installed: pip install "
            "'tessera[otel]', or set OTEL_SDK_DISABLED=true"
        ) from None
    tracer = OtlpTracer(settings.endpoint, settings.sampler)
    log.info("traces are sent to a collector: of all requests %g", settings.sampler.ratio)
    return tracer


def build(
    settings: Settings,
    lines: LogWriter | None = None,
    tracer: Tracer | None = None,
    make_engine: MakeEngine = local_engine,
    keys: KeyRing | None = None,
) -> tuple[RequestContext, Engine]:
    """Without `lines` requests are not logged, without `tracer` not traced. `make_engine` gives what computes. `keys`
    are those that the settings name.

    Raises ValueError and OSError for settings that cannot be used.
    """
    limits = limits_of(settings)
    if unknown := [task for task in settings.task_body_bytes if task not in TASKS]:
        raise ValueError(f"task_body_bytes: {unknown[0]!r} is no task; there are: {', '.join(sorted(TASKS))}")
    for setting, names in (("required_models", settings.required_models), ("models", settings.models)):
        if unusable := [name for name in names if not is_model_name(name)]:
            raise ValueError(f"{setting}: {unusable[0]!r} is not a model's name")
    if settings.models and (left_out := {*settings.required_models} - {*settings.models}):
        raise ValueError(f"required_models: {min(left_out)} is not among those that `models` names")
    return_large_blocks()
    open_arena(settings.max_tensor_bytes)
    keys = open_keys(settings) if keys is None else keys
    _tell_of_keys(settings, keys)
    telemetry = Telemetry(lambda: lines.dropped if lines else 0, tracer)
    repository = ModelRepository(settings.models_dir, settings.models)
    mirroring = _mirroring(settings, repository)
    options = RuntimeOptions(device=settings.device, threads=settings.threads)
    local = make_engine(settings, telemetry, repository, mirroring.why_missing if mirroring else lambda name: "")
    engine = TrafficEngine(local, repository, telemetry)
    events = events_at(settings.database_url, telemetry.events, settings.events_pepper, settings.events_days)
    new_plans = NewPlans(repository.root, options).of
    being_made = BeingMade(partial(read_making, repository.root))
    beside: list[Beside] = [events.run] if events else []
    if settings.follow_s:
        beside += [
            partial(follow, repository.published, engine, settings.follow_s, new_plans),
            partial(engine.follow, settings.follow_s),
            being_made.watch,
        ]
    if mirroring:
        beside.append(partial(mirroring.follow, engine, repository.published, settings.follow_s))
    application = create_app(
        engine,
        telemetry,
        limits,
        keys=keys,
        cors_origins=settings.cors_origins,
        hosts=settings.known_hosts,
        write_line=lines.access if lines else None,
        line_share=settings.log_requests,
        being_made=being_made,
        mirroring=mirroring,
        jobs=jobs_of(settings, engine, telemetry, limits, has_owners=keys is not None),
        traffic=engine,
        events=events,
        kept=kept_answers(events, settings.log_answers, settings.answers_keep),
        beside=beside,
    )
    return application, engine


def build_server(
    settings: Settings,
    lines: LogWriter | None = None,
    tracer: Tracer | None = None,
    make_engine: MakeEngine = local_engine,
) -> "Server":
    """Return what serves the application that `build` makes, and gRPC beside it. Raises ValueError and OSError."""
    keys = open_keys(settings)
    app, engine = build(settings, lines, tracer, make_engine, keys)
    return Server(app, engine, settings, _grpc(settings, app, engine, keys))


def prepared(settings: Settings, make_engine: MakeEngine = local_engine) -> Callable[[], NoReturn]:
    """Return what serves until it is told to stop, and then ends the process. Raises as `build_server` does."""
    lines, tracer = start(settings.log_format), open_tracer(TracingSettings())
    server = build_server(settings, lines, tracer, make_engine)

    def serve() -> NoReturn:
        server.run()
        tracer.close(goodbye_s(settings.drain_timeout_s) / 4)  # the log needs what is left of the goodbye
        end_process(0 if server.started else 1)

    return serve


def _mirroring(settings: Settings, repository: ModelRepository) -> Mirroring | None:
    if not settings.models_url:
        return None
    remote = opened(settings.models_url)
    log.info("models are mirrored from %s into %s", remote.address, repository.root)
    return Mirroring(Mirror(remote, repository, keep=settings.keep_versions))


def limits_of(settings: Settings) -> Limits:
    """Raises ValueError for limits that contradict one another."""
    return Limits(
        settings.max_body_bytes,
        settings.max_items,
        settings.request_timeout_s,
        task_body_bytes=settings.task_body_bytes,
        bodies_bytes=settings.max_bodies_bytes,
        json=JsonLimits(settings.max_json_bytes, settings.max_json_values),
    )


def _grpc(settings: Settings, app: RequestContext, engine: Engine, keys: KeyRing | None) -> "GrpcServer | None":
    """Return the server of gRPC that asks `app`; None without a port. Raises ValueError where it is not installed."""
    if settings.grpc_port is None:
        return None
    try:
        from app.api.grpc.server import GrpcServer
    except ModuleNotFoundError as error:
        raise ValueError(
            f"TESSERA_GRPC_PORT is set, and {error.name} is not installed: pip install 'tessera[grpc]'"
        ) from error
    return GrpcServer(
        app,
        engine,
        limits_of(settings),
        keys,
        Certificate(*settings.tls_files) if settings.tls_files else None,
        max_connections=settings.num_connections,
        max_header_bytes=settings.max_header_bytes,
    )


def open_keys(settings: Settings) -> KeyRing | None:
    """Raises ValueError and OSError for a file that cannot be read."""
    return KeyRing(settings.keys_file) if settings.asks_for_keys else None


def _tell_of_keys(settings: Settings, keys: KeyRing | None) -> None:
    if keys is None:
        log.info("no keys are asked for: whoever reaches %s:%d may call", settings.host, settings.port)
    elif keys:
        log.info("callers need a key, of the %d in %s", len(keys), settings.keys_file)
    else:
        log.warning("callers need a key, and there are none in %s: python -m app keys add NAME", settings.keys_file)


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
