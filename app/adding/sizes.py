"""Find sizes of the varying dimensions at which a graph runs."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import combinations, count, product
from math import prod
from time import monotonic, thread_time
from typing import Generic, TypeVar

from app.adding.dimensions import Dimensions, Key
from app.runtimes.signature import Bounds

# First those that most graphs take, then sides of pictures, lengths of texts and widths that are seen often.
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
MORE_SIZES = (
    3,
    5,
    7,
    10,
    12,
    24,
    33,
    48,
    80,
    96,
    100,
    192,
    224,
    300,
    320,
    384,
    640,
    768,
    1024,
    2048,
    4096,
    8192,
    16384,
)
STARTS = (1, 8, 32)  # from which sizes are changed one by one
BUSY = 5  # times what it may use of a core the search may last: others may use that core, too
MAX_NUMBERS = 20_000_000  # of one try: 80 MB as fp32
MOST_UNLIKE = 3  # dimensions whose sizes differ from that of all others
NUMBER = re.compile(r"(?<![\w.])[1-9]\d{0,3}(?![\w.])")
PRODUCT = re.compile(r"\b(\d{1,4}) ?\* ?(\d{1,4})\b")
ALL_NUMBERS = re.compile(r"\d+")

Sizes = Mapping[Key, int]
Found = TypeVar("Found")


class SizeSearch(Generic[Found]):
    """Search for sizes at which `attempt` succeeds; it returns what the graph has to say if it fails.

    `given` sizes are kept. `progress` tells how far the graph comes with sizes that fail; `hints` are sizes of its
    weights. It uses `seconds` of a core.
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
        self._end, self._used_end = monotonic() + BUSY * seconds, thread_time() + seconds
        self._said: dict[tuple[int, ...], str] = {}
        self.found: list[Found] = []
        self.fault = ""
        """The first thing that the graph said."""

    @property
    def _is_over(self) -> bool:
        return thread_time() > self._used_end or monotonic() > self._end

    def alike(self) -> Iterator[Found]:
        """Yield what is found with all sizes the same."""
        yield from self._found(dict.fromkeys(self._free, size) for size in SIZES)

    def alike_to_hints(self) -> Iterator[Found]:
        """The same with more sizes."""
        yield from self._found(dict.fromkeys(self._free, size) for size in self._more_sizes())

    def told(self) -> Iterator[Found]:
        """Yield what is found by setting sizes to the numbers in what the graph says, first where it came furthest.

        It came further if more of its operators ran, if it says what it has not said before, or if what it says of two
        shapes is that fewer of their sizes differ.
        """
        order, kinds = count(), dict[str, int]()
        heap: list[tuple[int, int, int, int, dict[Key, int], str]] = []

        def remember(sizes: dict[Key, int], said: str) -> None:
            kind = kinds.setdefault(ALL_NUMBERS.sub("#", said), len(kinds))
            heappush(
                heap, (-self._progress(self._bounded(sizes)), -kind, _unlike_halves(said), next(order), sizes, said)
            )

        for size in STARTS:
            start = dict.fromkeys(self._free, size)
            if said := self._said.get(self._key(start)):
                remember(start, said)
        while heap and not self._is_over:
            *_, sizes, said = heappop(heap)
            for number in _numbers(said):
                for key in self._free:
                    changed = {**sizes, key: number}
                    if self._key(changed) not in self._said:
                        yield from self._found([changed])
                        if answer := self._said.get(self._key(changed)):
                            remember(changed, answer)

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
            if self._is_over:
                return
            key, bounded = self._key(sizes), self._bounded(sizes)
            if key in self._said:
                continue
            if sum(map(prod, self._dimensions.shapes(bounded).values())) > MAX_NUMBERS:
                self.fault = self.fault or f"inputs of more than {MAX_NUMBERS} numbers are not tried"
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


def _numbers(said: str) -> list[int]:
    """The numbers in a sentence, and what is written as a product of two."""
    products = [int(a) * int(b) for a, b in PRODUCT.findall(said)]
    return list(dict.fromkeys([*map(int, NUMBER.findall(said)), *products]))


def _unlike_halves(said: str) -> int:
    """Return how many numbers of the first half of a sentence are others than those of the second."""
    numbers = ALL_NUMBERS.findall(said)
    half = len(numbers) // 2
    return sum(a != b for a, b in zip(numbers[:half], numbers[-half:], strict=True)) if half else 0


def _within(size: int, bounds: Bounds | None) -> int:
    least, most = bounds or Bounds()
    return max(size, least) if most is None else min(max(size, least), most)
