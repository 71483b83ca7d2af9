"""The kernel of a model: rows to its graphs and back. Knows nothing of items."""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel

from app.errors import InferenceFailed, InvalidInput
from app.generation.prompt import Prompt, Token
from app.tensors import Array, Decoder, Session, Tensors, decoder_of


class Kernel:
    """The memory of a model besides its graphs, and the way rows are answered: here, stacked as they are.

    Methods are pure and thread-safe: they await nothing, lock nothing and read no files after construction. Only
    `prepare_with` changes what others do.
    """

    Config: ClassVar[type[BaseModel]]
    """The part of the manifest that must tell of a model."""

    takes_any_tensors: ClassVar[bool] = False
    """Whether rows are whatever a caller likes: of any size, 0 included, and his to answer for."""

    steps: ClassVar[bool] = False
    """Whether it has no rows, but makes its answers token by token: a decoder of text."""

    writes_rows: ClassVar[bool] = False
    """Whether it steps, and its answers are sequences of tokens, each of one row: a source."""

    most_beams: int = 1
    """The most rows that one answer may have."""

    context: int = 0
    """The most tokens of a prompt and its answer, if it steps."""

    class_names: Mapping[str, Sequence[str]] = {}
    """Of outputs whose last dimension is over classes, by the output's name: what the classes are called."""

    lengths: Sequence[int] = (1,)
    """Padded lengths at which the cost of a batch is measured."""

    def __init__(self, config: Any, files: Mapping[str, Path]) -> None:
        """`config` is a validated `Config`; `files` maps the manifest's artifact names to verified paths."""

    @property
    def most_reserved(self) -> int:
        """The most tokens for which a row may need room, with its prompt, and its source if there is one."""
        return self.context

    def decoder(self, sessions: Mapping[str, Session], slots: int) -> Decoder:
        """The graphs as a decoder with so many slots, if it steps. Raises InvalidArtifact if they are none."""
        return decoder_of(sessions["model"], slots, self.context)

    def prompt_of(self, row: Tensors) -> Prompt:
        """The way to write the answer to a row, if it writes rows: a prompt with a source."""
        raise NotImplementedError("its answers are not written")

    def answer_of(self, tokens: Sequence[Token]) -> Tensors:
        """Return the answer to a row, of the tokens that were written, if it writes rows."""
        return {"output_ids": np.array([token.id for token in tokens], np.int64)}

    def prepare_with(self, sessions: Mapping[str, Session]) -> None:
        """Take the graphs that `preprocess` of its views runs, if any. Called whenever they have been opened."""

    def length(self, row: Tensors) -> int:
        """Return the padded length of a row, 1 where all are alike; a batch is as long as its longest row."""
        return 1

    def group(self, row: Tensors) -> Hashable:
        """Rows of different groups cannot share a batch."""
        return None

    def probe(self, length: int) -> Tensors | None:
        """A row of this padded length, to measure with; None if no valid one is known."""
        return None

    def collate(self, rows: Sequence[Tensors]) -> Tensors:
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def forward(self, sessions: Mapping[str, Session], batch: Tensors) -> Tensors:
        return sessions["model"].run(batch)

    def run(self, sessions: Mapping[str, Session], rows: Sequence[Tensors]) -> list[Tensors]:
        """Answer rows as one batch: collate, forward, split."""
        outputs = self.forward(sessions, self.collate(rows))
        counts = {name: np.shape(array)[:1] for name, array in outputs.items()}
        if any(count != (len(rows),) for count in counts.values()):
            given = ", ".join(f"{count[0] if count else 'no'} rows of {name}" for name, count in counts.items())
            raise InferenceFailed(f"{len(rows)} rows gave {given}")
        return [{name: array[i, ...] for name, array in outputs.items()} for i in range(len(rows))]

    def num_rows(self, batch: Tensors) -> int:
        """Return how many rows `rows_of` will make. Raises InvalidInput if the tensors disagree."""
        counts = {name: len(array) for name, array in batch.items()}
        if len(set(counts.values())) > 1:
            raise InvalidInput(f"the first dimension counts rows, and must be the same for every input, not {counts}")
        return next(iter(counts.values()))

    def rows_of(self, batch: Tensors) -> list[Tensors]:
        """The rows of a batch whose names, types and shapes are those of the manifest; `collate` undone.

        Raises InvalidInput for what `forward` cannot compute, with details relative to the inputs by name.
        """
        # With the dots, a row of a vector is an array, too.
        return [{name: array[i, ...] for name, array in batch.items()} for i in range(self.num_rows(batch))]

    def batch_of(self, rows: Sequence[Tensors]) -> Tensors:
        """Answered rows as one batch, in the form in which `forward` gives it."""
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def require_within(indices: Array, count: int, name: str) -> None:
    """Raises InvalidInput unless all `indices`, those of input `name`, are from 0 to `count` - 1."""
    outside = indices[(indices < 0) | (indices >= count)]
    if outside.size:
        raise InvalidInput(f"holds {outside.flat[0]}, and the model knows 0 to {count - 1}").under(name)
