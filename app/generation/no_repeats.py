"""Answers in which no run of some tokens comes twice: Paulus et al., 2017, https://arxiv.org/abs/1705.04304."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from app.generation.prompt import Logits


class NoRepeats:
    """Forbids each token that would end a run of `size` tokens that the answer, with what it begins after, has had."""

    def __init__(self, size: int, begun: Sequence[int]) -> None:
        self._size = size
        self._last: list[int] = []
        self._followed_by: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for token in begun:
            self.accept(token)

    def forbid(self, logits: Logits) -> None:
        if len(self._last) == self._size - 1:
            logits[self._followed_by[tuple(self._last)]] = -np.inf

    def accept(self, token: int) -> None:
        if len(self._last) == self._size - 1:
            self._followed_by[tuple(self._last)].append(token)
        self._last = [*self._last, token][1 - self._size :] if self._size > 1 else []
