"""Find sizes of the varying dimensions at which a graph runs."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from math import prod
from time import monotonic
from types import MappingProxyType

from app.adding.dimensions import Dimensions, Key
from app.runtimes.signature import Bounds

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
MORE_SIZES = (3, 5, 7, 10, 12, 24, 33, 48, 80, 96, 100, 192, 224, 300, 320, 384, 640, 768, 1024)
MAX_NUMBERS = 20_000_000
MOST_UNLIKE = 3  # dimensions whose sizes differ from that of all others
SEARCH_S = 20.0

Sizes = Mapping[Key, int]
ANY_SIZES: Sizes = MappingProxyType({})


def sizes_to_try(dimensions: Dimensions, given: Sizes, hints: Sequence[int]) -> Iterator[dict[Key, int]]:
    """Yield sizes of all keys: first all alike, then with one, two and three that differ, small ones first.

    `given` are kept. `hints` are sizes that the graph's own weights have. Ends after SEARCH_S seconds.
    """
    free = [key for key in dimensions.keys if key not in given]
    end = monotonic() + SEARCH_S
    tried = set()
    for sizes in _alike_but_for_a_few(free, sorted({*MORE_SIZES, *SIZES, *hints})):
        if monotonic() > end:
            return
        bounded = {key: _within(size, dimensions.bounds.get(key, Bounds())) for key, size in sizes.items()}
        shapes = dimensions.shapes({**given, **bounded})
        if (key := tuple(shapes.values())) in tried or sum(map(prod, shapes.values())) > MAX_NUMBERS:
            continue
        tried.add(key)
        yield {**given, **bounded}


def _alike_but_for_a_few(free: Sequence[Key], sizes: Sequence[int]) -> Iterator[dict[Key, int]]:
    if not free:
        yield {}
        return
    for size in SIZES:
        yield dict.fromkeys(free, size)
    for count in range(1, min(MOST_UNLIKE, len(free) - 1) + 1):
        for size in SIZES:
            for unlike in combinations(free, count):
                for others in product(sizes, repeat=count):
                    yield {**dict.fromkeys(free, size), **dict(zip(unlike, others, strict=True))}


def _within(size: int, bounds: Bounds) -> int:
    size = max(size, bounds.least)
    return size if bounds.most is None else min(size, bounds.most)
