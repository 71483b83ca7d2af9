"""Requests that models answer, and what a graph that is served as it is or a table takes, for the documents."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.api.verbatim import has_address, shown_golden, verbatim
from app.repository.manifest import Manifest
from app.serving.engine import Served
from app.tasks.nested_lists import as_lists
from app.tasks.tables.columns import Column, typical_row
from app.tasks.tables.kernel import TableConfig
from app.tasks.tabular_classification import TabularClassification, TabularClassificationConfig
from app.tasks.tabular_regression import TabularRegression, TabularRegressionConfig
from app.tasks.tensors import RawTensors, RawTensorsConfig, example_item

TABLES: Mapping[str, type[TableConfig]] = {
    TabularClassification.contract.name: TabularClassificationConfig,
    TabularRegression.contract.name: TabularRegressionConfig,
}
MOST_ELEMENTS = 10_000  # of an example on a page


def example_request(served: Served) -> dict[str, Any] | None:
    """Return a request that this very model answers: its first golden example, else one by its signature or its task.

    None if it would be too long to read.
    """
    manifest = served.manifest
    golden = shown_golden(manifest)
    if golden is None and manifest.task == RawTensors.contract.name:
        item = item_of(manifest)
        return None if item is None else {"inputs": [item]}
    if golden is None and (columns := columns_of(manifest)) and not has_address(row := typical_row(columns)):
        return {"inputs": [row]}
    if golden is None:
        return {"inputs": [served.contract.example]}
    return {"inputs": [golden.input], "parameters": golden.parameters}


def item_of(manifest: Manifest) -> dict[str, Any] | None:
    """Return an item that fits the signature, and that the graph answers if it was found to answer any.

    None for other tasks, and if it would be too long to read.
    """
    if manifest.task != RawTensors.contract.name:
        return None
    item = example_item(RawTensorsConfig.model_validate(manifest.config))
    small = sum(array.size for array in item.values()) <= MOST_ELEMENTS
    return {name: as_lists(array) for name, array in item.items()} if small else None


def item_in_words(manifest: Manifest) -> str:
    """Return names, types and shapes of what an item holds, "" for other tasks."""
    if manifest.task != RawTensors.contract.name:
        return ""
    config = RawTensorsConfig.model_validate(manifest.config)
    first = 1 if config.batched else 0
    held = [f"{verbatim(one.name)} {one.datatype} {_written(one.shape[first:])}" for one in config.inputs]
    return f"\n\nAn input holds {', '.join(held)}."


def _written(shape: Sequence[int]) -> str:
    return f"[{', '.join('any' if size < 0 else str(size) for size in shape)}]"


def columns_of(manifest: Manifest) -> list[Column]:
    """Return the columns of which an item has a value each; none for tasks whose items are no rows of a table."""
    if manifest.task not in TABLES:
        return []
    return TABLES[manifest.task].model_validate(manifest.config).columns
