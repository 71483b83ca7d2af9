import numpy as np
import pandas as pd
import pytest

from app.tasks.tables.columns import Column
from training.data.columns import MOST_CATEGORIES, columns_of, read_columns

ROWS = 200
ALL = pd.Series([True] * ROWS)


def read(values: list[str], name: str = "x", learned: pd.Series = ALL) -> tuple[Column | None, list[str]]:
    found, remarks = read_columns(pd.DataFrame({name: values}), learned)
    columns = columns_of(found, learned)
    return (columns[0] if columns else None), remarks


def test_numbers_are_a_number_with_what_is_typical() -> None:
    column, remarks = read([str(i % 101 / 2) for i in range(ROWS - 1)] + [""])
    assert column is not None
    assert (column.kind, column.may_be_missing, column.typical) == ("number", True, 24.5)
    assert column.seen == pytest.approx((0.5, 49), abs=0.1)
    assert remarks == []


def test_few_texts_among_numbers_are_taken_for_missing_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    column, remarks = read([str(i % 7) for i in range(ROWS - 3)] + ["-"] * 3)
    assert column is not None
    assert (column.kind, column.may_be_missing) == ("number", True)
    assert remarks == ["3 fields of column 'x' are no numbers, and were taken for missing."]
    assert capsys.readouterr().err == "no number in column 'x': '-', for example\n"


def test_texts_are_categories_in_the_order_of_letters() -> None:
    column, _ = read(["b", "a", "b", "b"] * 50)
    assert column == Column(name="x", kind="category", categories=["a", "b"], typical="b")


def test_categories_are_those_of_the_rows_that_are_learned() -> None:
    learned = pd.Series([True] * 150 + [False] * 50)
    column, _ = read(["a", "b"] * 75 + ["c"] * 50, learned=learned)
    assert column is not None
    assert column.categories == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("x", [""] * ROWS, "it is empty"),
        ("x", ["7"] * ROWS, "it is the same in every row"),
        ("x", [f"text {i}" for i in range(ROWS)], f"200 different texts, and a category has at most {MOST_CATEGORIES}"),
        ("x", [f"day {i}" for i in range(90)] + [""] * 110, "of 90 texts 90 are different, so hardly any comes again."),
        ("x", [f"{i},5" for i in range(90)] + [""] * 110, "comes again; numbers need a point instead of a comma."),
        ("x", [f"{i},5" for i in range(ROWS)], "at most 100; numbers need a point instead of a comma."),
        ("x", [str(i) for i in range(500, 500 + ROWS)], "it only numbers the rows"),
        ("customer_ID", [str(3 * i) for i in range(ROWS)], "it only numbers the rows"),
        ("Unnamed: 0", [str(3 * i) for i in range(ROWS)], "it only numbers the rows"),
    ],
)
def test_what_says_nothing_is_not_read_and_that_is_said(name: str, values: list[str], words: str) -> None:
    column, remarks = read(values, name)
    assert column is None
    assert words in remarks[0]


def test_whole_numbers_that_are_all_different_may_mean_something() -> None:
    assert read([str(i * i) for i in range(ROWS)], "distance")[0] is not None


def test_what_a_graph_cannot_hold_is_missing() -> None:
    found, _ = read_columns(pd.DataFrame({"x": ["1", "2"] * 99 + ["inf", "1e39"]}), ALL)
    assert found["x"].values.dtype == np.float32
    assert found["x"].values.isna().sum() == 2
