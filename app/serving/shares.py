"""Share work out among callers, by what each has had. Knows nothing of what the work is.

Start-time fair queueing (Goyal, Vin and Cheng, 1996): time goes on for a caller only while he is served, and whoever
has had least is next. Who comes back begins where the others are, so nobody saves up by staying away, and nobody owes
for what he got while he was alone.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Generic, Protocol, TypeVar

# A caller does not wait for another one who wants LIGHT_FACTOR times as much, if that is HEAVY_S or more, which is some
# batches of short texts. Nor for a run of LONG_S, whoever's it is: equals do not avoid each other's batches before.
LIGHT_FACTOR = 4
HEAVY_S = 0.01
LONG_S = 0.05
# Callers who have had the same but for this are equals, served as they come: the finer it is, the longer waits whoever
# happened to ask for more than his equals the last time. Whoever comes back after a while goes before them.
QUANTUM_S = 0.1
FEW_ENTRIES = 16  # of a line, which are not worth sweeping
LEAST_KEPT = 64  # shares of callers who want nothing just now


@dataclass(slots=True, eq=False)
class Share:
    """The seconds of one caller: virtual ones that he has had, those of his work that waits, and of what runs."""

    weight: float = 1.0
    """The seconds that one second of this work counts as."""
    had: float = float("-inf")  # he has never been here
    waiting: int = 0
    waiting_s: float = 0.0
    running_s: float = 0.0

    @property
    def round(self) -> float:
        """Whoever is in the lowest is next; who are in the same are equals."""
        return self.had // QUANTUM_S

    @property
    def wants_s(self) -> float:
        return self.waiting_s + self.running_s

    def is_light_beside(self, other: "Share", has_run_s: float = 0.0) -> bool:
        """Return whether this share need not wait for `other`: it wants far less, or its seconds count for less.

        `has_run_s`: how long work of `other` has been running, however short it should have been.
        """
        if self.weight != other.weight or self is other:
            return self.weight < other.weight
        takes_s = max(other.wants_s, has_run_s if has_run_s >= LONG_S else 0.0)
        return takes_s >= max(HEAVY_S, LIGHT_FACTOR * self.wants_s)


NOBODY = Share()  # wants nothing: whom even this has to wait for, everybody has


class Shares:
    """The shares of all callers who want something, or have had more than the others."""

    def __init__(self) -> None:
        self._shares: dict[Hashable, Share] = {}
        self._now = 0.0
        self._most_kept = LEAST_KEPT

    def __len__(self) -> int:
        return len(self._shares)

    def of(self, caller: Hashable, weight: float = 1.0) -> Share:
        """Return the caller's share for work of this weight. A caller has one share for each weight."""
        share = self._shares.get((caller, weight))
        if share is None:
            self._forget()
            share = self._shares[caller, weight] = Share(weight)
        return share

    def waits(self, share: Share, seconds: float, number: int = 1) -> None:
        """Add `number` things that wait, and need `seconds` of work in all."""
        if not share.waiting:
            share.had = max(share.had, self._now - QUANTUM_S if share.weight == 1 else self._now)
        share.waiting += number
        share.waiting_s += seconds

    def waits_no_more(self, share: Share, seconds: float, number: int = 1) -> None:
        share.waiting -= number
        share.waiting_s = share.waiting_s - seconds if share.waiting else 0.0

    def leads(self, share: Share) -> None:
        """Move the time on to that of this share, which is served next."""
        self._now = max(self._now, share.round * QUANTUM_S)

    @staticmethod
    def starts(share: Share, seconds: float) -> None:
        """Count work that begins now and should take `seconds`."""
        share.had += seconds * share.weight
        share.running_s += seconds

    @staticmethod
    def ends(share: Share, seconds: float, taken: float) -> None:
        """Count what that work took beyond `seconds`, when it is done: it took `taken` seconds of a core."""
        share.running_s = max(0.0, share.running_s - seconds)
        share.had += max(0.0, taken - seconds) * share.weight

    def seconds_before(self, share: Share, seconds: float) -> float:
        """Return how many seconds of the others' waiting work are served before this share has had `seconds` more."""
        until = max(share.had, self._now - QUANTUM_S) + seconds * share.weight
        return sum(
            min(other.waiting_s, max(0.0, until - other.had) / other.weight)
            for other in self._shares.values()
            if other is not share
        )

    def number_before(self, share: Share, number: int) -> int:
        """Return how many things wait, of any other share no more than this one will have with `number` more."""
        most = share.waiting + number
        return share.waiting + sum(min(one.waiting, most) for one in self._shares.values() if one is not share)

    def _forget(self) -> None:
        """Drop shares that say nothing, once there are many: their callers may come from anywhere."""
        if len(self._shares) >= self._most_kept:
            self._shares = {key: share for key, share in self._shares.items() if share.wants_s or share.had > self._now}
            self._most_kept = max(LEAST_KEPT, 2 * len(self._shares))


class Place(Protocol):
    """A place in a line, and whose it is; `turn` orders what is his. Without a ticket it does not wait any more."""

    share: Share
    turn: float
    ticket: int


AnyPlace = TypeVar("AnyPlace", bound=Place)


class Line(Generic[AnyPlace]):
    """Places of many callers. The first is that of whoever has had least; of what is his, the one whose turn is first.

    Taking back its ticket takes a place out of every line that it is in; it is swept out when it comes up.
    """

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._places: dict[Share, list[tuple[float, int, AnyPlace]]] = {}
        # What a share has had only grows, so no key here is too large; it is put right when it comes up. Of a share
        # only the newest entry counts.
        self._shares: list[tuple[float, float, int, Share]] = []
        self._newest: dict[Share, int] = {}
        self._num_entries = 0

    def __len__(self) -> int:
        """Return the number of places that wait and have not been swept out."""
        return self._num_entries

    def __iter__(self) -> Iterator[AnyPlace]:
        """All that waits, in no order."""
        return (place for share in self._places for place in self.of(share))

    def push(self, place: AnyPlace) -> None:
        """`place` must have a ticket that no other place had."""
        places = self._places.setdefault(place.share, [])
        heappush(places, (place.turn, place.ticket, place))
        self._num_entries += 1
        if places[0][2] is place:
            self._enter(place.share)

    def first(self, may: Callable[[Share], bool] | None = None) -> AnyPlace | None:
        """The place whose turn it is, of those whose shares `may` be served; None if there is none."""
        first = self._first()
        if first is None or may is None or may(first.share):
            return first
        others = (place for share in self._places if may(share) for place in self.of(share))
        return min(others, key=lambda one: (one.share.round, one.turn, one.ticket), default=None)

    def _first(self) -> AnyPlace | None:
        while self._shares:
            round_, _, number, share = self._shares[0]
            if self._newest.get(share) != number:
                heappop(self._shares)
                continue
            places = self._places[share]
            swept = False
            while places and places[0][2].ticket != places[0][1]:
                heappop(places)
                self._num_entries -= 1
                swept = True
            if places and not swept and share.round == round_:
                return places[0][2]
            heappop(self._shares)
            if places:
                self._enter(share)
            else:
                del self._places[share], self._newest[share]
        return None

    def of(self, share: Share) -> Iterator[AnyPlace]:
        """Return what waits of this share, in no order."""
        return (place for _, ticket, place in self._places.get(share, ()) if place.ticket == ticket)

    def sweep(self, num_waiting: int) -> None:
        """Drop what waits no more, once it is most of the line: its turn may be far off. `num_waiting` still wait."""
        if self._num_entries <= 2 * num_waiting + FEW_ENTRIES:
            return
        waiting = list(self)
        self._clear()
        for place in waiting:
            self.push(place)

    def _enter(self, share: Share) -> None:
        number = self._newest[share] = next(_numbers)
        heappush(self._shares, (share.round, self._places[share][0][0], number, share))


_numbers = count(1)


def new_ticket() -> int:
    """A ticket that no place had before."""
    return next(_numbers)
