import time
from typing import Any

import numpy as np
import pytest

from app.tasks.tables.kernel import QUICK_COLUMNS, RowInput, TextRow
from app.tasks.tabular_classification import (
    TabularClassification,
    TabularClassificationConfig,
    TabularClassificationKernel,
    TabularClassificationParameters,
)


def view(columns: list[dict[str, Any]]) -> TabularClassification:
    config = {"target": "y", "labels": ["a", "b"], "columns": columns}
    return TabularClassification(TabularClassificationKernel(TabularClassificationConfig.model_validate(config), {}))


def mixed(count: int) -> list[dict[str, Any]]:
    return [
        {"name": f"n{i}", "kind": "number"}
        if i % 4
        else {"name": f"n{i}", "kind": "category", "categories": ["p", "q"]}
        for i in range(count)
    ]


def row_of(columns: list[dict[str, Any]]) -> dict[str, Any]:
    return {column["name"]: 1.5 if column["kind"] == "number" else "p" for column in columns}


def test_numbers_and_categories_are_a_tensor_each_in_the_order_of_the_columns() -> None:
    (row,) = (
        view(mixed(6))
        .preprocess(
            RowInput({"n5": 5, "n4": "q", "n3": 3, "n2": 2, "n1": 1, "n0": "p"}), TabularClassificationParameters()
        )
        .rows
    )
    assert row["numbers"].tolist() == [1, 2, 3, 5]
    assert row["numbers"].dtype == np.float32
    assert row["categories"].tolist() == ["p", "q"]


def test_of_one_kind_of_columns_there_is_one_tensor() -> None:
    numbers = view([{"name": "x", "kind": "number"}])
    assert numbers.kernel.probe(1)["numbers"].tolist() == [0]
    assert numbers.kernel.probe(1).keys() == {"numbers"}


def test_a_row_of_a_file_is_read_as_text() -> None:
    (row,) = view(mixed(2)).preprocess(TextRow({"n0": "q", "n1": "1e2"}), TabularClassificationParameters()).rows
    assert (row["numbers"].tolist(), row["categories"].tolist()) == ([100], ["q"])


def test_two_columns_have_no_common_name() -> None:
    with pytest.raises(ValueError, match="two columns have the same name"):
        view([{"name": "x", "kind": "number"}] * 2)


def test_a_row_that_is_called_quick_is_prepared_in_a_fraction_of_a_millisecond() -> None:
    columns = mixed(QUICK_COLUMNS)
    quick, item, parameters = view(columns), RowInput(row_of(columns)), TabularClassificationParameters()
    assert quick.is_quick(item)
    assert not quick.is_quick(RowInput({**item.root, "n0": "something else, which would be searched for"}))
    assert not quick.is_quick(RowInput({**item.root, "more": 1}))

    def seconds() -> float:
        started = time.thread_time()
        assert quick.preprocess(item, parameters).rows
        return time.thread_time() - started

    assert min(seconds() for _ in range(20)) < 1e-3
