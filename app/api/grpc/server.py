"""The server of gRPC, on the event loop of the application that it asks."""

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # read once, at import; nothing here forks without exec

import grpc
import grpc.aio
from starlette.types import ASGIApp

from app.api.grpc.arriving import Arriving
from app.api.grpc.calls import Behind, Call, Context
from app.api.grpc.methods import METHODS, NOT_OFFERED, SERVICE
from app.api.grpc.status import Failed
from app.api.grpc.streams import InferStream
from app.api.http.certificate import Certificate
from app.api.http.limits import Limits
from app.errors import ServiceError
from app.keys import KeyRing
from app.serving.engine import Engine

log = logging.getLogger(__name__)

MESSAGE_BYTES = 1_000_000  # of a message besides what the body of HTTP has, so that the route says what is too large
IDLE_MS, KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS, HANDSHAKE_MS = 600_000, 60_000, 20_000, 10_000

Answer = Callable[[Context], Awaitable[None]]


class GrpcServer:
    """Listens from `start` to `stop`. Raises OSError if it cannot."""

    def __init__(
        self,
        app: ASGIApp,
        engine: Engine,
        limits: Limits,
        keys: KeyRing | None,
        certificate: Certificate | None = None,
        *,
        max_connections: int = 1000,
        max_header_bytes: int = 65_536,
        reading_s: float = 20.0,
    ) -> None:
        """`app` answers requests of HTTP. Calls at a time are as many as connections.

        A client that reads less than LEAST_READ_BYTES in `reading_s` is left.
        """
        places = limits.all_bodies_bytes // limits.max_body_bytes
        self._behind = Behind(app, engine, limits, keys, Arriving(places), reading_s)
        self._certificate = certificate
        self._most_calls = max_connections
        self._options = [
            ("grpc.so_reuseport", 0),  # or two servers would share a port, and neither would know
            ("grpc.max_receive_message_length", limits.max_body_bytes + MESSAGE_BYTES),  # inflated, too
            ("grpc.max_send_message_length", -1),
            ("grpc.max_metadata_size", max_header_bytes),
            ("grpc.absolute_max_metadata_size", max_header_bytes),
            ("grpc.max_concurrent_streams", max_connections),
            ("grpc.max_allowed_incoming_connections", max_connections),
            ("grpc.max_connection_idle_ms", IDLE_MS),
            ("grpc.keepalive_time_ms", KEEPALIVE_MS),
            ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
            ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
        ]

    async def start(self, host: str, port: int) -> int:
        """Return the port on which it listens: of 0, one that is free."""
        self._server = grpc.aio.server(options=self._options, maximum_concurrent_rpcs=self._most_calls)
        self._server.add_generic_rpc_handlers((_Handlers(_answers(self._behind)),))
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            bound = (
                self._server.add_insecure_port(place)
                if self._certificate is None
                else self._server.add_secure_port(place, _credentials(self._certificate))
            )
        except RuntimeError as error:
            raise OSError(f"gRPC cannot listen on {place}: the port may be taken") from error
        await self._server.start()
        return int(bound)

    async def stop(self, grace_s: float) -> None:
        """Take no more calls, and end those that have no answer after `grace_s`."""
        await self._server.stop(grace_s)
        self._behind.aside.close()


def _credentials(certificate: Certificate) -> Any:
    """Show the certificate as it lies on disk when a client connects."""
    shown = certificate.pem

    def look() -> Any:
        nonlocal shown
        if certificate.pem == shown:
            return None  # the one before
        shown = certificate.pem
        return grpc.ssl_server_certificate_configuration([(shown.key, shown.certificate)])

    first = grpc.ssl_server_certificate_configuration([(shown.key, shown.certificate)])
    return grpc.dynamic_ssl_server_credentials(first, look)


def _answers(behind: Behind) -> Mapping[str, Answer]:
    async def tell(name: str, context: Context) -> None:
        await Call(behind, name, context).tell()

    async def infer(name: str, context: Context) -> None:
        await Call(behind, name, context).infer()

    async def stream(name: str, context: Context) -> None:
        await InferStream(behind, name, context).answer()

    async def refuse(why: str, context: Context) -> None:
        raise Failed(grpc.StatusCode.UNIMPLEMENTED, why)

    return {
        **{name: partial(tell, name) for name in METHODS},
        f"/{SERVICE}/ModelInfer": partial(infer, f"/{SERVICE}/ModelInfer"),
        f"/{SERVICE}/ModelStreamInfer": partial(stream, f"/{SERVICE}/ModelStreamInfer"),
        **{name: partial(refuse, why) for name, why in NOT_OFFERED.items()},
    }


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # the package has no types
    """Messages are bytes here, and each is read when there is room for it: so every method is one of streams."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self._handlers = {
            name: grpc.stream_stream_rpc_method_handler(partial(_answered, answer)) for name, answer in answers.items()
        }

    def service(self, details: Any) -> Any:
        return self._handlers.get(details.method)


async def _answered(answer: Answer, _: Any, context: Context) -> None:
    """End a call with the status of what was raised."""
    try:
        await answer(context)
        return
    except Failed as error:
        failed = error
    except ServiceError as error:
        failed = Failed.by_error(error)
    except Exception:
        log.exception("a call failed")
        failed = Failed(grpc.StatusCode.INTERNAL, "internal error; the log has the reason")
    try:
        await context.abort(failed.code, failed.message, failed.trailers)
    except grpc.aio.AbortError:
        raise
    except Exception as error:  # of the package's own kind: nobody is there to be told
        log.debug("%s could not be told: %r", failed.code, error)
