"""The forms of one decoder, each beside fp32: how alike they write, how well they read, how fast, how large."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.errors import progress
from training.measures.decoding import ROWS, SPEED_LENGTH, SPEED_STEPS, Decoding, Read, read_texts
from training.measures.speed import megabytes

AT_ONCE = (1, 4, 8)  # rows that are written side by side


@dataclass(frozen=True, slots=True)
class Form:
    """`read`: texts that it was given. `written`: greedy tokens after each prompt. `tokens_per_second`: by AT_ONCE."""

    read: Read
    written: Sequence[Sequence[int]]
    tokens_per_second: Mapping[int, float]
    megabytes: float

    def same_tokens(self, other: "Form") -> float:
        """The share of the tokens that the other wrote before both differ for the first time."""
        same = total = 0
        for ours, theirs in zip(self.written, other.written, strict=True):
            pairs = [a == b for a, b in zip(ours, theirs, strict=False)]
            same += pairs.index(False) if False in pairs else len(pairs)
            total += len(theirs)
        return same / total


def measure_form(
    path: Path, prompts: Sequence[Sequence[int]], texts: Sequence[Sequence[int]], most: int, ends: Sequence[int]
) -> Form:
    """Measure one graph; `most`: how many tokens are written after a prompt that does not end before."""
    progress(f"measuring {path.name}")
    capacity = max(SPEED_LENGTH + SPEED_STEPS, most + max(map(len, prompts)), *map(len, texts))
    decoding = Decoding(path, rows=ROWS, capacity=capacity)
    return Form(
        read_texts(decoding, texts),
        [decoding.greedy(prompt, most, ends) for prompt in prompts],
        {rows: decoding.tokens_per_second(rows) for rows in AT_ONCE},
        megabytes(path),
    )
