"""The task contract: what a kind of model promises its callers."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from app.errors import InferenceFailed, InvalidInput
from app.tensors import Session, Tensors


class Schema(BaseModel):
    """Base of all that a caller may send: a field we do not know is an error, not a silent no-op."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Prepared:
    """One item, ready for the queue.

    Most tasks make one row of an item. A text that is read sentence by sentence makes many, which
    the batcher may mix with anyone's; an item that needs no network makes none.
    """

    rows: Sequence[Tensors]
    context: Any = None  # what postprocess needs besides the answered rows


class Task(ABC):
    """Turn typed items into rows and answered rows into typed outputs.

    Methods are pure and thread-safe: they await nothing, lock nothing and read no files after
    construction. `preprocess` and `postprocess` see one item, so one bad item fails alone;
    `collate` and `forward` see a batch.
    """

    name: ClassVar[str]
    Config: ClassVar[type[BaseModel]]
    Input: ClassVar[type[BaseModel]]
    Parameters: ClassVar[type[BaseModel]]
    Output: ClassVar[Any]
    """Type of one output: a model, or a list of models."""
    example: ClassVar[dict[str, Any]]
    """An item as it is written in JSON; used in docs, to warm up and to test."""
    binary_field: ClassVar[str | None] = None
    """The field of `Input` that may also come as a raw request body or as an uploaded file, as bytes."""

    answers_quickly: ClassVar[bool] = False
    """Whether `postprocess` takes less than handing it to another thread would, of any item."""

    lengths: Sequence[int] = (1,)
    """Padded lengths at which the cost of a batch is measured."""

    @abstractmethod
    def __init__(self, config: Any, files: Mapping[str, Path]) -> None:
        """`config` is a validated `Config`; `files` maps the manifest's artifact names to verified paths."""

    @abstractmethod
    def preprocess(self, item: Any, parameters: Any) -> Prepared:
        """Raises InvalidInput, whose details are relative to the item, for example ["text"]."""

    @abstractmethod
    def postprocess(self, prepared: Prepared, answers: Sequence[Tensors], parameters: Any) -> Any:
        """An `Output`, from one answer for each row of `prepared`."""

    def find_items(self, query: str, limit: int) -> Sequence[Any]:
        """What the model can be asked about, for tasks that have a catalogue. Raises InvalidInput for all others."""
        raise InvalidInput(f"a model for {self.name} has no items to list; only one that recommends has")

    def is_quick(self, item: Any) -> bool:
        """Whether `preprocess` takes less of this item than handing it to another thread would."""
        return False

    def length(self, row: Tensors) -> int:
        """What a row is padded to, where lengths differ; a batch is as long as its longest row."""
        return 1

    def group(self, row: Tensors) -> Hashable:
        """Rows of different groups cannot share a batch."""
        return None

    def probe(self, length: int) -> Tensors:
        """A row of this padded length, to measure with."""
        return self.preprocess(self.Input.model_validate(self.example), self.Parameters()).rows[0]

    def collate(self, rows: Sequence[Tensors]) -> Tensors:
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def forward(self, sessions: Mapping[str, Session], batch: Tensors) -> Tensors:
        return sessions["model"].run(batch)

    def run(self, sessions: Mapping[str, Session], rows: Sequence[Tensors]) -> list[Tensors]:
        """Answer rows as one batch: collate, forward, split."""
        outputs = self.forward(sessions, self.collate(rows))
        if any(len(array) != len(rows) for array in outputs.values()):
            raise InferenceFailed(
                f"{len(rows)} rows gave { ({name: len(array) for name, array in outputs.items()}) } rows"
            )
        return [{name: array[i] for name, array in outputs.items()} for i in range(len(rows))]


def predict_alone(task: Task, sessions: Mapping[str, Session], item: Any, parameters: Any) -> Any:
    """Answer one item without a queue, row by row: for golden examples and for judging a recipe."""
    prepared = task.preprocess(item, parameters)
    answers = [task.run(sessions, [row])[0] for row in prepared.rows]
    return task.postprocess(prepared, answers, parameters)


def predict_json(task: Task, sessions: Mapping[str, Session], item: Any, parameters: Mapping[str, Any]) -> Any:
    """`predict_alone`, with plain JSON values in and out."""
    output = predict_alone(task, sessions, task.Input.model_validate(item), task.Parameters.model_validate(parameters))
    return to_json(output)


def to_json(output: Any) -> Any:
    """An output as plain JSON values."""
    if isinstance(output, list):
        return [to_json(one) for one in output]
    return output.model_dump(mode="json")
