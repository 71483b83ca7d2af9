"""The kernel of a model of tables: rows with named columns to the two tensors that its graph reads."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

import numpy as np
from pydantic import Field, RootModel, WithJsonSchema, model_validator

from app.errors import Detail, InferenceFailed, InvalidInput
from app.tasks.kernel import Kernel
from app.tasks.refusals import refusal_of
from app.tasks.schema import Schema
from app.tasks.tables.columns import MAX_QUOTED, Column, Read, Unknown, among, quoted, typical_row
from app.tasks.view import Prepared, View
from app.tensors import Tensors

MOST_FAULTS = 5  # of one row: each costs a search for the nearest name
QUICK_COLUMNS = 50  # are read in about 0.1 ms
Value = Annotated[Any, WithJsonSchema({"type": ["number", "string", "null"]})]


class TableConfig(Schema):
    """The graph maps `numbers` fp32 [batch, numbers] and `categories` BYTES [batch, categories], as far as there are
    such columns, in their order. A missing number is NaN, a missing category is empty.
    """

    target: Annotated[str, Field(description="the column that is told")]
    columns: Annotated[list[Column], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_each_column_once(self) -> Self:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise ValueError("two columns have the same name")
        return self


class RowInput(RootModel[dict[str, Value]]):
    """One row of a table: for each column of this very model a number or a text; null, or none, if it is missing."""


class TextRow(RowInput):
    """One row of a file: numbers may stand there as texts, and an empty one is missing."""


class RowParameters(Schema):
    unknown: Annotated[
        Unknown,
        Field(
            description="refuse a row with a category that training did not see; or take it for none of those that it "
            "saw"
        ),
    ] = "error"


class TableKernel(Kernel):
    """It reads rows, and tells one of their columns that is not there."""

    def __init__(self, config: TableConfig, files: Mapping[str, Path]) -> None:
        self.columns = {column.name: column for column in config.columns}
        self.target = config.target

    def probe(self, length: int) -> Tensors:
        return self.row(typical_row(list(self.columns.values())))

    def is_known(self, values: Mapping[str, Any]) -> bool:
        """Whether nothing would have to be searched for to read them."""
        return len(values) <= QUICK_COLUMNS and all(
            (column := self.columns.get(name)) is not None and (not isinstance(value, str) or column.knows(value))
            for name, value in values.items()
        )

    def read(self, values: Mapping[str, Any], *, unknown: Unknown = "error", is_text: bool = False) -> dict[str, Read]:
        """The values as the graph reads them, by column. Raises InvalidInput with the first faults by column."""
        read: dict[str, Read] = {}
        unknown_names = [name for name in values if name not in self.columns][:MOST_FAULTS]
        faults: list[Detail] = [{"loc": [name[:MAX_QUOTED]], "msg": self._no_column(name)} for name in unknown_names]
        for name, column in self.columns.items():
            if len(faults) >= MOST_FAULTS:
                break
            try:
                if name not in values and not column.may_be_missing:
                    raise InvalidInput("this column is missing")
                read[name] = column.read(values.get(name), unknown=unknown, is_text=is_text)
            except InvalidInput as error:
                faults += error.under(name).details
        if faults:
            raise InvalidInput.of(faults)
        return read

    def _no_column(self, name: str) -> str:
        if name == self.target:
            return f"{quoted(name)} is what this model tells; leave it out"
        return f"the model reads no such column; {among(name, list(self.columns))}"

    def tensors(self, read: Mapping[str, Read]) -> Tensors:
        """The row as the graph reads it."""
        numbers = [read[name] for name, column in self.columns.items() if column.kind == "number"]
        categories = [read[name] for name, column in self.columns.items() if column.kind == "category"]
        found: Tensors = {}
        if numbers:
            found["numbers"] = np.array(numbers, np.float32)
        if categories:
            found["categories"] = np.array(categories, np.object_)
        return found

    def row(self, values: Mapping[str, Any]) -> Tensors:
        """The row of values as a caller writes them. Raises InvalidInput."""
        return self.tensors(self.read(values))


AnyTableKernel = TypeVar("AnyTableKernel", bound=TableKernel)


class TableView(View[AnyTableKernel]):
    """A view whose items are rows, and make one row each."""

    def is_quick(self, item: RowInput) -> bool:
        return self.kernel.is_known(item.root)

    def read(self, item: RowInput, parameters: RowParameters) -> dict[str, Read]:
        """The values of an item as the graph reads them. Raises InvalidInput."""
        return self.kernel.read(item.root, unknown=parameters.unknown, is_text=isinstance(item, TextRow))

    def preprocess(self, item: RowInput, parameters: RowParameters) -> Prepared:
        return Prepared([self.kernel.tensors(self.read(item, parameters))])

    def refused(self, error: InferenceFailed) -> Exception:
        return refusal_of(error, by_item=True)

    def answers_quickly(self, answers: Sequence[Tensors]) -> bool:
        return True
