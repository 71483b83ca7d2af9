"""Find sizes of the varying dimensions at which a graph runs."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import combinations, count, product
from math import prod
from time import monotonic
from typing import Generic, TypeVar

from app.adding.dimensions import Dimensions, Key
from app.runtimes.signature import Bounds

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
MORE_SIZES = (3, 5, 7, 10, 12, 24, 33, 48, 80, 96, 100, 192, 224, 300, 320, 384, 640, 768, 1024)
MAX_NUMBERS = 20_000_000
MOST_UNLIKE = 3  # dimensions whose sizes differ from that of all others
NUMBER = re.compile(r"(?<![\w.])[1-9]\d{0,3}(?![\w.])")
ALL_NUMBERS = re.compile(r"\d+")

Sizes = Mapping[Key, int]
Found = TypeVar("Found")


class SizeSearch(Generic[Found]):
    """Search for sizes at which `attempt` succeeds; it returns what the graph has to say if it fails.

    `given` sizes are kept. `progress` tells how far the graph comes with sizes that fail; `hints` are sizes of its
    weights.
    """

    def __init__(
        self,
        dimensions: Dimensions,
        given: Sizes,
        attempt: Callable[[Sizes], Found | str],
        progress: Callable[[Sizes], int],
        hints: Callable[[], Iterable[int]],
        seconds: float,
    ) -> None:
        self._dimensions, self._given = dimensions, given
        self._free = [key for key in dimensions.keys if key not in given]
        self._attempt, self._progress, self._hints = attempt, progress, hints
        self._end = monotonic() + seconds
        self._said: dict[tuple[int, ...], str] = {}
        self.found: list[Found] = []
        self.fault = ""
        """What the graph said first."""

    def alike(self) -> Iterator[Found]:
        """Yield what is found with all sizes the same."""
        yield from self._found(dict.fromkeys(self._free, size) for size in SIZES)

    def alike_to_hints(self) -> Iterator[Found]:
        """The same with more sizes."""
        yield from self._found(dict.fromkeys(self._free, size) for size in self._more_sizes())

    def told(self) -> Iterator[Found]:
        """Yield what is found by going after the numbers in what the graph says, where it came furthest."""
        order = count()
        said: set[tuple[int, str]] = set()
        heap: list[tuple[int, int, int, dict[Key, int], str, frozenset[str]]] = []

        def remember(sizes: dict[Key, int], fault: str, before: frozenset[str]) -> None:
            progress = self._progress(self._bounded(sizes))
            if (progress, fault) not in said:
                said.add((progress, fault))
                kinds = before | {ALL_NUMBERS.sub("#", fault)}
                heappush(heap, (-progress, -len(kinds), next(order), sizes, fault, kinds))

        start = dict.fromkeys(self._free, 1)
        remember(start, self._said.get(self._key(start), ""), frozenset())
        while heap and monotonic() < self._end:
            _, _, _, sizes, fault, kinds = heappop(heap)
            for number in dict.fromkeys(map(int, NUMBER.findall(fault))):
                for key in self._free:
                    changed = {**sizes, key: number}
                    if self._key(changed) in self._said:
                        continue
                    yield from self._found([changed])
                    if said_now := self._said.get(self._key(changed)):
                        remember(changed, said_now, kinds)

    def unlike(self) -> Iterator[Found]:
        """Yield what is found with one, two or three sizes unlike all others."""
        yield from self._found(self._unlike(self._more_sizes()))

    def _unlike(self, sizes: Sequence[int]) -> Iterator[dict[Key, int]]:
        for number in range(1, min(MOST_UNLIKE, len(self._free)) + 1):
            for size in SIZES if number < len(self._free) else SIZES[:1]:
                for unlike in combinations(self._free, number):
                    for others in product(sizes, repeat=number):
                        yield {**dict.fromkeys(self._free, size), **dict(zip(unlike, others, strict=True))}

    def _found(self, sizes_to_try: Iterable[dict[Key, int]]) -> Iterator[Found]:
        for sizes in sizes_to_try:
            if monotonic() > self._end:
                return
            key, bounded = self._key(sizes), self._bounded(sizes)
            if key in self._said or sum(map(prod, self._dimensions.shapes(bounded).values())) > MAX_NUMBERS:
                continue
            result = self._attempt(bounded)
            self._said[key] = result if isinstance(result, str) else ""
            if isinstance(result, str):
                self.fault = self.fault or result
            else:
                self.found.append(result)
                yield result

    def _more_sizes(self) -> list[int]:
        return sorted({*SIZES, *MORE_SIZES, *self._hints()})

    def _bounded(self, sizes: Sizes) -> dict[Key, int]:
        return {**self._given, **{key: _within(size, self._dimensions.bounds.get(key)) for key, size in sizes.items()}}

    def _key(self, sizes: Sizes) -> tuple[int, ...]:
        return tuple(self._bounded(sizes).values())


def _within(size: int, bounds: Bounds | None) -> int:
    least, most = bounds or Bounds()
    return max(size, least) if most is None else min(max(size, least), most)
