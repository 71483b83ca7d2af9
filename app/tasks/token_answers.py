"""Kernels whose graph answers each token of a text: answers are as long as their rows, whatever fills up a batch."""

from collections.abc import Mapping, Sequence

import numpy as np

from app.tasks.text import TextKernel
from app.tensors import Array, Session, Tensors


class TokenAnswersKernel(TextKernel):
    """The graph's outputs are [batch, tokens, ...]; those of one row are [tokens of the row, ...]."""

    def run(self, sessions: Mapping[str, Session], rows: Sequence[Tensors]) -> list[Tensors]:
        answers = super().run(sessions, rows)
        return [
            {name: array[: self.length(row)] for name, array in answer.items()}
            for row, answer in zip(rows, answers, strict=True)
        ]

    def batch_of(self, rows: Sequence[Tensors]) -> Tensors:
        """Answered rows as one batch, filled up with zeros to the longest."""
        longest = max(len(array) for row in rows for array in row.values())
        return {name: np.stack([np.pad(row[name], _filling(row[name], longest)) for row in rows]) for name in rows[0]}


def _filling(array: Array, length: int) -> list[tuple[int, int]]:
    return [(0, length - len(array)), *[(0, 0)] * (array.ndim - 1)]
