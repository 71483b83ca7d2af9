"""A limit on the number of connections: some of them make room for others."""

from typing import Protocol

SPARE = 20  # above the limit, told so before they are closed


class Connection(Protocol):
    def give_way(self) -> None:
        """Close, since others need the place; a client that is sending a request is told so."""
        ...


class Connections:
    """At most `most` connections at once.

    One more takes the place of the one that has waited longest for its client: between requests, or for the rest of
    one. So clients that connect and say nothing keep nobody out. A connection whose request is being answered stays.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}  # for their clients, in the order in which they began to

    def add(self, connection: Connection) -> bool:
        """Take in a new connection, which waits for its client. Return whether there is a place for it."""
        if len(self._open) >= self.most and self._waiting:
            longest = next(iter(self._waiting))
            self.discard(longest)
            longest.give_way()
        has_place = len(self._open) < self.most
        self._open.add(connection)
        if has_place:
            self._waiting[connection] = None
        return has_place

    @property
    def has_spare(self) -> bool:
        """Whether there are descriptors for a connection that only waits for its refusal to be read."""
        return len(self._open) <= self.most + SPARE

    def waits_for_us(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)

    def waits_for_client(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)
        if connection in self._open:
            self._waiting[connection] = None

    def discard(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._waiting.pop(connection, None)
