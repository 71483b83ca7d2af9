"""TLS in front of a protocol: a connection counts from its first byte, and its handshake has a limit.

The server's own way would let anybody keep connections that nobody counts, since a protocol learns of one when its
handshake is done.
"""

import asyncio
import logging
from asyncio import Protocol, Transport
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.http.bounds import ConnectionLimits
from app.api.http.certificate import Certificate

log = logging.getLogger(__name__)


def behind_tls(
    protocol: Callable[..., HttpToolsProtocol], bounds: ConnectionLimits, certificate: Certificate
) -> type[Protocol]:
    """Return `protocol` behind a handshake, as uvicorn wants it: as a class."""

    class WithHandshake(Handshake):
        def __init__(self, **options: Any) -> None:
            super().__init__(lambda: protocol(**options), options["server_state"].connections, bounds, certificate)

    return WithHandshake


class Handshake(Protocol):
    """A connection before it is encrypted. Afterwards `behind` gets all that comes."""

    def __init__(
        self, behind: Callable[[], HttpToolsProtocol], all_of_them: set[Any], bounds: ConnectionLimits, own: Certificate
    ) -> None:
        """`all_of_them` are the connections that the server closes when it stops."""
        self._behind = behind
        self._all_of_them = all_of_them
        self._bounds = bounds
        self._own = own
        self._unread = b""
        self._task: asyncio.Future[None] | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        self._transport = transport
        if not self._bounds.connections.add(self):  # there is nothing that could be told before the handshake
            self._bounds.connections.discard(self)
            transport.abort()
            return
        self._all_of_them.add(self)
        self._task = asyncio.ensure_future(self._shake_hands())

    def data_received(self, data: bytes) -> None:
        self._unread += data

    async def _shake_hands(self) -> None:
        meanwhile = Meanwhile()
        try:
            encrypted = await self._encrypted(meanwhile)
        except (OSError, RuntimeError) as error:  # of TLS, and of a connection that was closed meanwhile: no news
            log.debug("no handshake with a client: %s", error)
            self._transport.abort()
            return
        finally:
            self._leave()
        if encrypted is None or meanwhile.is_over or self._transport.is_closing():  # uvloop raises nothing then
            (encrypted or self._transport).abort()
            return
        protocol = self._behind()
        encrypted.set_protocol(protocol)
        protocol.connection_made(encrypted)
        if meanwhile.data:
            protocol.data_received(meanwhile.data)

    async def _encrypted(self, meanwhile: "Meanwhile") -> Transport | None:
        """The transport after the handshake. Raises OSError, of which the errors of TLS are some."""
        loop = asyncio.get_running_loop()
        shaking = asyncio.ensure_future(
            loop.start_tls(
                self._transport,
                meanwhile,
                self._own.context,
                server_side=True,
                ssl_handshake_timeout=self._bounds.head_timeout_s,
                ssl_shutdown_timeout=self._bounds.linger_s,
            )
        )
        # uvloop reads from a connection as soon as it is made, and so before start_tls has put the protocol of TLS in
        # our place, which is the first thing that it does, and told it of the connection, which is the second.
        try:
            for _ in range(2):
                await asyncio.sleep(0)
            if self._unread and not shaking.done():
                _feed(self._transport.get_protocol(), self._unread)
            return await shaking
        finally:
            shaking.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection was closed before TLS took it over, which would wait for the end of it for ever."""
        self._end()

    def _end(self) -> None:
        self._leave()  # a task that has not begun would not do it
        if self._task is not None:
            self._task.cancel()

    def _leave(self) -> None:
        self._bounds.connections.discard(self)
        self._all_of_them.discard(self)

    # As the limit on connections and the server that stops have it

    def give_way(self) -> None:
        self._end()
        self._transport.abort()

    def shutdown(self) -> None:
        self.give_way()


class Meanwhile(Protocol):
    """Keeps what follows a handshake at once, and comes before anybody knows that it is done."""

    def __init__(self) -> None:
        self.data = b""
        self.is_over = False

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_over = True


def _feed(protocol: Any, data: bytes) -> None:
    """Hand data to a BufferedProtocol, as transports do."""
    while data:
        buffer = protocol.get_buffer(len(data))
        size = min(len(buffer), len(data))
        buffer[:size] = data[:size]
        protocol.buffer_updated(size)
        data = data[size:]
