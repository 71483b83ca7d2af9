"""Bodies on their way: how large each may be, how long it may take, and how many bytes all may have together."""

import asyncio
from asyncio import get_running_loop
from collections import Counter
from collections.abc import Callable

from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from app.api.http.aside import Aside
from app.api.http.callers import caller_of
from app.api.http.compression import Inflating, encoding_of
from app.api.http.deadline import deadline_of
from app.api.http.routes import DirectRoute
from app.errors import DeadlineExceeded, InvalidInput, ModelNotReady, Overloaded, PayloadTooLarge, ServiceError
from app.serving.deadlines import Deadlines

SMALL_SHARE = 1 / 4096  # of the room for all bodies, which one may have whatever the others do
LARGEST_SHARE = 1 / 2  # of it, which a caller may have while others need room
# From its first byte on, an answer keeps the place of its body; a client that reads longer may lose it to others.
READ_WITHIN_S = 60.0
SLOWEST_BYTES_S = 250_000  # of a body that streams: a slower one keeps its connection for nothing
JUST_NOW_S = 1e-9  # not 0, which says that an answer has not begun
NO_ROOM = "there is no room for more bytes of requests, and "


class Transit:
    """The bodies of all requests, each from its first byte until its request is answered, and that answer was read.

    Together they may have `most_bytes`. Where there would be more, one makes room: of the caller who has more than
    half, else of all. First goes an answer that is read too slowly, then what is still arriving and has held most for
    longest: bytes times seconds. That is little for a quick upload, and for a slow one that is small. What has arrived
    makes room for another caller only, who has less. A small body is never refused for want of room: of those there
    are no more than connections.
    """

    def __init__(self, limit_of: Callable[[Scope], int], timeout_s: float, most_bytes: int, aside: Aside) -> None:
        """`limit_of` gives the bytes that the body of a request may have, `timeout_s` the time of one that names none.

        What is compressed is inflated on threads of `aside`.
        """
        self.limit_of = limit_of
        self.timeout_s = timeout_s
        self.aside = aside
        self.is_stopping = False
        self._most_bytes = most_bytes
        self._small_bytes = SMALL_SHARE * most_bytes
        self._held = 0
        self._arriving: set[Body] = set()
        self._deadlines = Deadlines()
        self._holding: dict[Body, None] = {}  # in the order in which they began

    def stop(self) -> None:
        """Refuse what has not arrived: it would be refused when it has."""
        self.is_stopping = True
        for body in list(self._arriving):
            self._let_go(body, ModelNotReady("the service is stopping"))

    def begins(self, body: "Body") -> None:
        self._arriving.add(body)
        self._deadlines.add(body, body.deadline, body.refuse_late)
        if self.is_stopping:
            body.refuse(ModelNotReady("the service is stopping"))

    def grows(self, body: "Body", size: int) -> None:
        """Count so many more bytes of a body that arrives. May refuse it, or others."""
        body.held += size
        self._held += size
        if size:
            self._holding[body] = None
        while self._held > self._most_bytes and body.held > self._small_bytes:
            one, why = self._first_to_go(body)
            self._let_go(one, Overloaded(why, 1.0))

    def _first_to_go(self, comer: "Body") -> tuple["Body", str]:
        """Return the body that makes room for `comer`, maybe itself, and the reason in words."""
        large = [one for one in self._holding if one.held > self._small_bytes]
        held: Counter[str] = Counter()
        for one in large:
            held[one.caller] += one.held
        most = max(held, key=lambda caller: (held[caller], caller == comer.caller))
        theirs = [one for one in large if one.caller == most]
        some = theirs if held[most] > LARGEST_SHARE * self._most_bytes else large
        if slow := [one for one in some if one.read_for_s() > READ_WITHIN_S]:
            return max(slow, key=Body.read_for_s), f"{NO_ROOM}this answer is read too slowly"
        arriving = [one for one in some if one in self._arriving]
        # Without all others that are arriving, would there be room?
        if self._held - sum(one.held for one in arriving if one is not comer) <= self._most_bytes:
            return max(arriving, key=Body.weight), f"{NO_ROOM}this one has held most for longest"
        if most != comer.caller:
            why = f"{NO_ROOM}you have more of it than the others who ask for some"
            if arriving := [one for one in theirs if one in self._arriving]:
                return max(arriving, key=Body.weight), why
            if working := [one for one in theirs if one.may_be_cancelled() and not one.read_for_s()]:
                return working[-1], why
        return comer, "too many bytes of other requests are being worked on"

    def arrived(self, body: "Body") -> None:
        self._arriving.discard(body)
        self._deadlines.discard(body)

    def ends(self, body: "Body") -> None:
        """Forget a body, whether it has arrived or not."""
        self.arrived(body)
        self._holding.pop(body, None)
        self._held -= body.held
        body.held = 0

    def _let_go(self, body: "Body", why: ServiceError) -> None:
        self.ends(body)
        body.refuse(why)


class Body:
    """`receive` of one request. `received` are the bytes of its body so far, as they were sent.

    Raises PayloadTooLarge, DeadlineExceeded, UnsupportedEncoding, InvalidInput if it cannot be inflated, and whatever
    Transit refuses it with.
    """

    def __init__(self, transit: Transit, scope: Scope, receive: Receive) -> None:
        self._transit = transit
        self._scope = scope
        self._receive = receive
        self._limit = -1  # looked up when a body is read at all
        self._size = 0
        self._is_complete = False
        self._inflating: Inflating | None = None
        self._is_waiting = False  # for a part of it
        self._refusal: ServiceError | None = None
        self._is_cancelled = False
        self._answered_at: float | None = None
        self.received = self.held = 0
        self.caller = ""  # known when a body is read at all: then whoever has a key has shown it

    async def __call__(self) -> Message:
        if self._is_complete:
            return await self._receive()  # until the client has gone: nothing else can come
        if self._limit < 0:
            self._begin()
        message = await (self._sent() if self._inflating is None else self._inflating.piece(self._sent))
        size = len(message.get("body", b""))
        self._size += size
        if self._size > self._limit:  # what was sent is not
            raise PayloadTooLarge(f"the body is more than {self._limit} bytes when it is inflated")
        # What streams is on the disk when the next part is asked for: only this one is held.
        self._transit.grows(self, size - self.held if self._streams else size)
        if self._refusal is not None:
            raise self._refusal
        if not message.get("more_body"):
            self._is_complete = True
            self._transit.arrived(self)
        return message

    def is_held_back(self) -> bool:
        """Whether the client waits to be told that it may send its body (Expect: 100-continue), and was not."""
        return self._limit < 0 and self._expects()

    def weight(self) -> float:
        return self.held * (get_running_loop().time() - self._began_at)

    def may_be_cancelled(self) -> bool:
        """Whether its request only asks a model, and would end if its client hung up: nothing is left half done."""
        return isinstance(self._scope.get("route"), DirectRoute)

    def is_answered(self) -> None:
        """Its answer begins."""
        self._answered_at = get_running_loop().time()

    def read_for_s(self) -> float:
        """For how long its answer has been sent; 0 if that has not begun."""
        return 0.0 if self._answered_at is None else max(JUST_NOW_S, get_running_loop().time() - self._answered_at)

    def refuse(self, why: ServiceError) -> None:
        """Raise `why` to whoever reads the body or, if it has been read, cancel the task that did."""
        self._refusal = why
        if self._is_complete:
            self._is_cancelled = self._task.cancel()
        elif self._is_waiting:
            self._task.cancel()

    def refuse_late(self) -> None:
        self.refuse(DeadlineExceeded("the deadline passed before the whole body had arrived"))

    def refused(self) -> ServiceError | None:
        """Why the task that runs was cancelled, if it was by this and by nobody else; then it may go on."""
        return self._refusal if self._is_cancelled and self._task.uncancel() == 0 else None

    def _begin(self) -> None:
        limit = self._transit.limit_of(self._scope)
        if self._declared() > limit:
            raise self._too_large(limit)
        self.caller = caller_of(Request(self._scope))
        encoding = encoding_of(self._scope["headers"])
        self._inflating = Inflating(encoding, self._transit.aside.of(self.caller)) if encoding else None
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._limit = limit
        route = self._scope.get("route")
        self._streams = isinstance(route, DirectRoute) and route.streams(self._scope)
        self._began_at = get_running_loop().time()
        self.deadline = self._began_at + self._time_s()
        self._transit.begins(self)

    async def _sent(self) -> Message:
        """The next part as it was sent."""
        message = await self._part()
        if self.received > self._limit:
            raise self._too_large(self._limit)
        return message

    async def _part(self) -> Message:
        if self._refusal is not None:
            raise self._refusal
        self._is_waiting = True
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            if self._refusal is None or self._task.uncancel():  # somebody else cancels, too
                raise
            raise self._refusal from None
        finally:
            self._is_waiting = False
        self.received += len(message.get("body", b""))
        return message

    def _time_s(self) -> float:
        try:
            return deadline_of(Request(self._scope), self._usual_s())
        except InvalidInput:  # which the route will say
            return self._transit.timeout_s

    def _usual_s(self) -> float:
        """Return how long a body may take that names no time; a large one that streams takes as long as it must."""
        large = (self._declared() or self._limit) / SLOWEST_BYTES_S if self._streams else 0.0
        return self._transit.timeout_s + large

    def _expects(self) -> bool:
        return any(name == b"expect" and value.lower() == b"100-continue" for name, value in self._scope["headers"])

    def _declared(self) -> int:
        return int(dict(self._scope["headers"]).get(b"content-length", 0))

    def _too_large(self, limit: int) -> PayloadTooLarge:
        return PayloadTooLarge(f"the body has more than the {limit} bytes that it may have here")
