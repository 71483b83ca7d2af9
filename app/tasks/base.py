"""The task contract: what a kind of model promises its callers."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_jsonable_python

from app.errors import InferenceFailed, InvalidInput
from app.tensors import Array, Session, Tensors


@dataclass(frozen=True, slots=True)
class Prepared:
    """One item, ready for the queue.

    Most tasks make one row of an item. A text that is read sentence by sentence makes many, which
    the batcher may mix with anyone's; an item that needs no network makes none.
    """

    rows: Sequence[Tensors]
    context: Any = None  # what postprocess needs besides the answered rows


@dataclass(frozen=True, slots=True)
class Needs:
    """What `preprocess` will need for an item: pixels to decode, and bytes of memory while it runs."""

    pixels: int = 0
    num_bytes: int = 0


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

    binary_answer: ClassVar[tuple[str, str] | None] = None
    """The field of `Output` that alone may be the answer to one item, as it is, and its media type."""

    also: ClassVar[tuple[str, ...]] = ()
    """Names of other tasks that a model of this one answers with the same rows and the same graph; see `views`."""

    answers_quickly: ClassVar[bool] = False
    """Whether `postprocess` takes less than handing it to another thread would, of any item."""

    takes_tensors: ClassVar[bool] = False
    """Whether items are tensors as the graph reads them: of any size, 0 included, and the caller's to answer for."""

    has_needs: ClassVar[bool] = False
    """Whether `needs` tells more than nothing."""

    priority: ClassVar[int] = 0
    """That of its rows in the queue: the larger, the later is their turn, but 0 is as good as 2."""

    class_names: Mapping[str, Sequence[str]] = {}
    """Of outputs whose last dimension is over classes, by the output's name: what the classes are called."""

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

    def views(self) -> Sequence["Task"]:
        """This model as each of the tasks that `also` names. Of them, only what makes and reads rows is used."""
        return ()

    def check(self, parameters: Any) -> None:
        """Raises InvalidInput for what this very model cannot do; details are relative to the parameters."""
        return None

    def comparable(self, output: Any) -> Any:
        """What of an output, as JSON, must equal a known one: numbers within a tolerance, the rest exactly."""
        return output

    @classmethod
    def written(cls, output: Any) -> Iterable[bytes]:
        """An `Output` as JSON, in pieces of which none takes more than some milliseconds to write."""
        return [_adapter(cls).serializer.to_json(output)]

    def find_items(self, query: str, limit: int) -> Sequence[Any]:
        """What the model can be asked about, for tasks that have a catalogue. Raises InvalidInput for all others."""
        raise InvalidInput(f"a model for {self.name} has no items to list; only one that recommends has")

    def needs(self, item: Any) -> Needs:
        """What is known of an item before anything is decoded. Raises InvalidInput as `preprocess` does."""
        return Needs()

    def is_quick(self, item: Any) -> bool:
        """Whether `preprocess` takes less of this item than handing it to another thread would."""
        return False

    def length(self, row: Tensors) -> int:
        """What a row is padded to, where lengths differ; a batch is as long as its longest row."""
        return 1

    def group(self, row: Tensors) -> Hashable:
        """Rows of different groups cannot share a batch."""
        return None

    def probe(self, length: int) -> Tensors | None:
        """A row of this padded length, to measure with; None if no valid one is known."""
        return self.preprocess(self.Input.model_validate(self.example), self.Parameters()).rows[0]

    def collate(self, rows: Sequence[Tensors]) -> Tensors:
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def num_rows(self, batch: Tensors) -> int:
        """How many rows `rows_of` will make. Raises InvalidInput if the tensors disagree."""
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


@cache
def _adapter(task: type[Task]) -> TypeAdapter[Any]:
    return TypeAdapter(task.Output)


def require_within(indices: Array, count: int, name: str) -> None:
    """Raises InvalidInput unless all `indices`, those of input `name`, are from 0 to `count` - 1."""
    outside = indices[(indices < 0) | (indices >= count)]
    if outside.size:
        raise InvalidInput(f"holds {outside.flat[0]}, and the model knows 0 to {count - 1}").under(name)


def require_parameters(task: Task, parameters: Any) -> None:
    """Raises InvalidInput under "parameters" for what this very model cannot do."""
    try:
        task.check(parameters)
    except InvalidInput as error:
        raise error.under("parameters") from None


def predict_alone(task: Task, sessions: Mapping[str, Session], item: Any, parameters: Any) -> Any:
    """Answer one item without a queue, row by row: for golden examples and for judging a recipe.

    Raises InvalidInput, whose details are relative to the item, or begin with "parameters".
    """
    require_parameters(task, parameters)
    prepared = task.preprocess(item, parameters)
    answers = [task.run(sessions, [row])[0] for row in prepared.rows]
    return task.postprocess(prepared, answers, parameters)


def predict_json(task: Task, sessions: Mapping[str, Session], item: Any, parameters: Mapping[str, Any]) -> Any:
    """`predict_alone`, with plain JSON values in and out."""
    output = predict_alone(task, sessions, task.Input.model_validate(item), task.Parameters.model_validate(parameters))
    return to_json(output)


def to_json(output: Any) -> Any:
    """An output as plain JSON values."""
    return to_jsonable_python(output)
