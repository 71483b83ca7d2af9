"""Answers over a real socket, byte for byte."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import sleep
from typing import Any, Literal

import uvicorn
from starlette.types import ASGIApp
from waiting import eventually

from app.api.http.bounds import ConnectionLimits
from app.api.http.certificate import Certificate
from app.api.http.connections import Connections
from app.api.http.handshake import behind_tls
from app.api.http.protocol import bounded


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@contextmanager
def listening(
    app: ASGIApp,
    most_connections: int = 100,
    certificate: Certificate | None = None,
    loop: Literal["auto", "asyncio", "uvloop"] = "auto",
    **bounds: float,
) -> Iterator[int]:
    """Serve `app` as `python -m app serve` does, but for the bounds. Gives the port."""
    limits = ConnectionLimits(Connections(most_connections), **bounds)
    protocol: Any = bounded(limits)
    if certificate is not None:
        protocol = behind_tls(protocol, limits, certificate)
    config = uvicorn.Config(
        app, port=0, http=protocol, loop=loop, ws="none", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


def connected(port: int, address: str = "127.0.0.1") -> socket.socket:
    """A connection from this address of loopback: each is a caller of its own."""
    return socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(address, 0))


def rest_of(connection: socket.socket) -> bytes:
    """All that comes back until the other side closes."""
    received = b""
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            received += part
    return received


def received(port: int, *parts: bytes | float) -> bytes:
    """All that comes back to these bytes, until the other side closes; numbers are seconds to wait."""
    with connected(port) as connection:
        with suppress(ConnectionError):
            for part in parts:
                connection.sendall(part) if isinstance(part, bytes) else sleep(part)
        return rest_of(connection)


def answers(content: bytes) -> list[Answer]:
    """Bytes of a connection as whole answers. Fails if they are anything else."""
    found = []
    while content:
        head, separator, content = content.partition(b"\r\n\r\n")
        assert separator, head
        first, *lines = head.decode("latin-1").split("\r\n")
        protocol, status, _ = first.split(" ", 2)
        assert protocol == "HTTP/1.1"
        headers = dict(line.lower().split(": ", 1) for line in lines)
        assert len(headers) == len(lines), lines
        length = int(headers["content-length"])
        assert len(content) >= length
        found.append(Answer(int(status), headers, content[:length]))
        content = content[length:]
    return found
