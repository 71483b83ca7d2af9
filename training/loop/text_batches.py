"""Batches of texts of similar length, so that little is computed on padding."""

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Sampler

POOL = 50  # batches among which texts are sorted

Row = tuple[Tensor, Tensor]
"""Token ids, int64 [tokens], and the target, fp32 [labels] or, of what is taught, [2, labels]."""
TextBatch = tuple[Tensor, Tensor, Tensor]
"""`input_ids` and `attention_mask`, int64 [batch, tokens], and targets, fp32 [batch, labels] or [batch, 2, labels]."""


class HasLengths(Protocol):
    """Texts whose number and lengths, in tokens, are known; another epoch may have other ones."""

    lengths: npt.NDArray[np.int64]


class LengthSorted(Sampler[list[int]]):
    """A batch sampler: every text once, in random batches of similar length. Draws from torch's global generator."""

    def __init__(self, texts: HasLengths, batch_size: int) -> None:
        self._texts = texts
        self._batch_size = batch_size

    def __len__(self) -> int:
        pools = np.array_split(self._texts.lengths, self._num_pools())
        return sum(math.ceil(len(pool) / self._batch_size) for pool in pools)

    def __iter__(self) -> Iterator[list[int]]:
        lengths = self._texts.lengths
        batches: list[list[int]] = []
        for pool in np.array_split(torch.randperm(len(lengths)).numpy(), self._num_pools()):
            by_length = pool[np.argsort(lengths[pool], kind="stable")].tolist()
            batches += [by_length[i : i + self._batch_size] for i in range(0, len(by_length), self._batch_size)]
        for i in torch.randperm(len(batches)).tolist():
            yield batches[i]

    def _num_pools(self) -> int:
        return max(1, math.ceil(len(self._texts.lengths) / (POOL * self._batch_size)))


def padded(rows: Sequence[Row]) -> TextBatch:
    """As long as the longest text of the batch, and no longer."""
    ids = pad_sequence([ids for ids, _ in rows], batch_first=True)
    mask = pad_sequence([torch.ones_like(ids) for ids, _ in rows], batch_first=True)
    return ids, mask, torch.stack([target for _, target in rows])
