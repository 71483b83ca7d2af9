"""Graphs of one decoder that may be variants, beside fp32: how alike they write, how well they read, how fast."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median

from training.errors import progress
from training.measures.decoding import ROWS, Decoding, Read, read_texts
from training.measures.speed import megabytes

AT_ONCE = (1, 4, 8)  # rows that are written side by side
SPEED_ROUNDS = 24
SPEED_LENGTH = 128  # tokens that a row has behind it when its speed is measured


@dataclass(frozen=True, slots=True)
class DecoderCandidate:
    """`read`: texts that it was given. `written`: greedy tokens after each prompt."""

    read: Read
    written: Sequence[Sequence[int]]
    megabytes: float

    def same_tokens(self, other: "DecoderCandidate") -> float:
        """The share of the tokens that the other wrote before both differ for the first time."""
        same = total = 0
        for ours, theirs in zip(self.written, other.written, strict=True):
            pairs = [a == b for a, b in zip(ours, theirs, strict=False)]
            same += pairs.index(False) if False in pairs else len(pairs)
            total += len(theirs)
        return same / total


def measure_candidate(
    path: Path, prompts: Sequence[Sequence[int]], texts: Sequence[Sequence[int]], most: int, ends: Sequence[int]
) -> DecoderCandidate:
    """Measure one graph; `most`: how many tokens are written after a prompt that does not end before."""
    progress(f"measuring {path.name}")
    capacity = max(most + max(map(len, prompts)), *map(len, texts))
    decoding = Decoding(path, rows=ROWS, capacity=capacity)
    return DecoderCandidate(
        read_texts(decoding, texts),
        decoding.write(prompts, most, ends),
        megabytes(path),
    )


def tokens_per_second(paths: Mapping[str, Path]) -> dict[str, dict[int, float]]:
    """The tokens that AT_ONCE rows get together in a second, each with SPEED_LENGTH behind it; the median step counts.

    All graphs take turns, since the machine may be busy.
    """
    progress("measuring how fast the candidates are")
    decodings = {name: Decoding(path, ROWS, SPEED_LENGTH + SPEED_ROUNDS) for name, path in paths.items()}
    times: dict[str, dict[int, list[float]]] = {name: {rows: [] for rows in AT_ONCE} for name in paths}
    for length, rows, name in product(range(SPEED_LENGTH, SPEED_LENGTH + SPEED_ROUNDS), AT_ONCE, paths):
        started = time.perf_counter()
        decodings[name].step([[0]] * rows, [length] * rows)
        times[name][rows].append(time.perf_counter() - started)
    return {name: {rows: rows / median(found) for rows, found in of.items()} for name, of in times.items()}
