"""Answers that are kept to be given again, within a bound of bytes. Knows not what they are answers to."""

from heapq import heapify, heappop, heappush
from typing import NamedTuple

ENTRY_BYTES = 480  # of an entry beside its answer, measured: the key, and its places in the tables
FEW = 100  # stale places in the heap, which are not worth sweeping


class AnswerKey(NamedTuple):
    """`owner` is the version that answers, as long as it is live; no two ever have the same number."""

    owner: int
    digest: bytes


class Reuse(NamedTuple):
    """Of so many `items`, how many answers were kept, and how many were on their way for somebody else."""

    hits: int
    shared: int
    items: int


class _Kept(NamedTuple):
    answer: bytes
    cost_s: float
    worth: float


class AnswerStore:
    """Keeps at most `most_bytes` of the answers of all versions together; 0 keeps none.

    GreedyDual-Size (Cao and Irani, 1997): an answer is worth the seconds that it took for each of its bytes, on top of
    what the last one was worth that had to go; being asked for again renews that. So what is dear and small stays, and
    what nobody asks for any more goes, whatever it took.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.num_bytes = 0
        self.num_evicted = 0
        self._kept: dict[AnswerKey, _Kept] = {}
        self._by_worth: list[tuple[float, AnswerKey]] = []  # a heap; what is worth something else by now is stale
        self._floor = 0.0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: AnswerKey) -> bytes | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._place(key, kept.answer, kept.cost_s)
        return kept.answer

    def put(self, key: AnswerKey, answer: bytes, cost_s: float) -> None:
        """Keep an answer that took `cost_s` seconds, if it fits beside those that are worth more."""
        if key in self._kept or _size_of(answer) > self.most_bytes:
            return
        self.num_bytes += _size_of(answer)
        self._place(key, answer, cost_s)
        while self.num_bytes > self.most_bytes:
            worth, least = heappop(self._by_worth)
            if (kept := self._kept.get(least)) is not None and kept.worth == worth:
                self._floor = worth
                self._drop(least)
                self.num_evicted += 1

    def forget(self, owner: int) -> None:
        """Drop all answers of a version."""
        for key in [key for key in self._kept if key.owner == owner]:
            self._drop(key)

    def _place(self, key: AnswerKey, answer: bytes, cost_s: float) -> None:
        worth = self._floor + cost_s / _size_of(answer)
        self._kept[key] = _Kept(answer, cost_s, worth)
        heappush(self._by_worth, (worth, key))
        if len(self._by_worth) > 2 * len(self._kept) + FEW:
            self._by_worth = [(one.worth, each) for each, one in self._kept.items()]
            heapify(self._by_worth)

    def _drop(self, key: AnswerKey) -> None:
        self.num_bytes -= _size_of(self._kept.pop(key).answer)


def _size_of(answer: bytes) -> int:
    return len(answer) + ENTRY_BYTES
