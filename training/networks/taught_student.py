"""A student translator as it learns: it is shown a whole translation, and foresees each token from those before it."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from training.networks.marian_student import MASKED, MarianStudent


class Sentences(NamedTuple):
    """Source sentences, and their translations behind the id that every translation begins after.

    `source_ids`, `source_mask`: int64 [rows, tokens], the mask 1 or 0; `given_ids`: int64 [rows, tokens].
    """

    source_ids: Tensor
    source_mask: Tensor
    given_ids: Tensor


class TaughtStudent(nn.Module):
    """`Sentences` to the states [rows, tokens, width] that the tied embedding turns into scores of what follows.

    Computes what StudentEncoder and StudentStep compute token by token.
    """

    def __init__(self, student: MarianStudent) -> None:
        super().__init__()
        self.student: Any = student  # torch types the parts of a module no further
        self.dropout = nn.Dropout(student.dropout)

    @property
    def start_id(self) -> int:
        return self.student.start_id  # type: ignore[no-any-return]

    @property
    def embedding(self) -> Tensor:
        return self.student.embedding  # type: ignore[no-any-return]

    @property
    def bias(self) -> Tensor:
        return self.student.bias  # type: ignore[no-any-return]

    def forward(self, sentences: Sentences) -> Tensor:
        states, masked = self._embedded(sentences.source_ids), ((1 - sentences.source_mask) * MASKED)[:, None, None]
        for layer in self.student.encoder:
            states = layer(states, masked)
        written = self._embedded(sentences.given_ids)
        for layer in self.student.decoder:
            written = layer.along(written, *layer.attention.keys_and_values(states), masked)
        return written

    def _embedded(self, ids: Tensor) -> Tensor:
        positions = torch.arange(ids.shape[1], device=ids.device)
        return self.dropout(self.student.embedded(ids, positions))  # type: ignore[no-any-return]
