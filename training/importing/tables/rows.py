"""Rows by which a converted model is compared with what it was: made up where its trees decide, or given."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
from onnx import helper

from app.tasks.tables.columns import Column, among
from app.tensors import Array
from training.data.columns import ENDS, as_numbers
from training.data.own.rows import MISSING
from training.data.own.tables import LONGEST_QUOTE, whole_table
from training.errors import TrainingError
from training.importing.tables.model import TableModel

MADE_UP = 400
GAPS = 0.05  # of the fields of a column that may be missing
AROUND = 1e-3  # of a threshold: how far from it
OWN_VALUES = ("nodes_values", "offset")  # of the attributes of a graph: where trees decide, and means of columns


def decisive(model: onnx.ModelProto) -> Array:
    """Return the numbers at which the graph decides, fp64; none if nothing in it tells."""
    attributes = [one for node in model.graph.node for one in node.attribute if one.name in OWN_VALUES]
    values = [np.asarray(helper.get_attribute_value(one), np.float64).ravel() for one in attributes]
    found = np.unique(np.concatenate([*values, np.zeros(1)]))
    return np.asarray(found[np.isfinite(found)])


def made_up(model: TableModel, near: Array, may_be_missing: Callable[[str], bool], seed: int = 0) -> pd.DataFrame:
    """Rows of numbers around those in `near`, about 0, and of all sizes, and of any of the categories; with gaps."""
    random = np.random.default_rng(seed)
    columns: dict[str, pd.Series] = {}
    for name in model.names:
        if name in model.categories:
            columns[name] = pd.Series(random.choice(model.categories[name], MADE_UP), dtype=object)
            continue
        kinds = np.stack(
            [
                random.choice(near, MADE_UP) * (1 + AROUND * random.normal(size=MADE_UP)),
                random.normal(size=MADE_UP),
                random.choice([-1, 1], MADE_UP) * 10 ** random.uniform(-2, 4, MADE_UP),
            ]
        )
        values = kinds[random.choice(3, MADE_UP, p=[0.7, 0.2, 0.1]), np.arange(MADE_UP)].astype(np.float32)
        if may_be_missing(name):
            values[random.random(MADE_UP) < GAPS] = np.nan
        columns[name] = pd.Series(values)
    return pd.DataFrame(columns)


def given_rows(model: TableModel, path: Path) -> pd.DataFrame:
    """The rows of a CSV or Parquet file. Raises TrainingError if it lacks a column, or a field is of another kind."""
    if not path.is_file():
        raise TrainingError(f"--example {path} is no file")
    table = whole_table(path)
    for name in model.names:
        if name not in table:
            raise TrainingError(
                f"{path} has no column {name!r}, which the model reads; {among(name, list(table.columns))}"
            )
    table = table[list(model.names)]
    table = table.where(~table.apply(lambda column: column.str.lower().isin(MISSING)), "")
    return pd.DataFrame({name: _given(model, name, column) for name, column in table.items()})


def _given(model: TableModel, name: object, column: pd.Series) -> pd.Series:
    if name in model.categories:
        return column.astype(object)
    numbers = as_numbers(column)
    strange = column[numbers.isna() & (column != "")]
    if len(strange):
        raise TrainingError(f"column {name!r} holds {strange.iloc[0][:LONGEST_QUOTE]!r}, and the model reads numbers")
    return numbers.astype(np.float32)


def columns_of(model: TableModel, may_be_missing: Callable[[str], bool], examples: pd.DataFrame | None) -> list[Column]:
    """Columns as the service knows them; what is typical is known of rows that are given."""
    return [
        _column(name, model, may_be_missing(name), None if examples is None else examples[name]) for name in model.names
    ]


def _column(name: str, model: TableModel, may_be_missing: bool, values: pd.Series | None) -> Column:
    if name in model.categories:
        known = None if values is None else values[values.isin(model.categories[name])]
        typical = None if known is None or known.empty else str(known.mode().iloc[0])
        return Column(name=name, kind="category", categories=list(model.categories[name]), typical=typical)
    known = None if values is None else values.dropna()
    if known is None or known.empty:
        return Column(name=name, kind="number", may_be_missing=may_be_missing)
    low, middle, high = (float(f"{each:.6g}") for each in known.quantile([ENDS[0], 0.5, ENDS[1]]))
    return Column(name=name, kind="number", may_be_missing=may_be_missing, seen=(low, high), typical=middle)
