import math
from typing import Any

import pytest

from app.errors import InvalidInput
from app.tasks.tables.columns import Column, among, schema_of, typical_row

MONTHS = Column(name="months", kind="number", may_be_missing=True, seen=(0, 72), typical=10)
CONTRACT = Column(name="contract", kind="category", categories=["monthly", "two years"], typical="two years")


@pytest.mark.parametrize("value", [1, 1.5, -0.0, 1e30])
def test_numbers_are_numbers(value: float) -> None:
    assert MONTHS.read(value) == value


@pytest.mark.parametrize("value", ["1", True, [1], {}, math.nan, math.inf, 1.1e30, 10**400])
def test_what_is_no_finite_number_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match="number"):
        MONTHS.read(value)


def test_in_a_file_numbers_are_texts_and_nothing_is_missing() -> None:
    assert MONTHS.read(" 1e3 ", is_text=True) == 1000
    assert math.isnan(float(MONTHS.read("", is_text=True)))
    assert math.isnan(float(MONTHS.read(" ", is_text=True)))
    assert math.isnan(float(MONTHS.read(None)))
    with pytest.raises(InvalidInput, match='not "ten"'):
        MONTHS.read("ten", is_text=True)


@pytest.mark.parametrize("text", ["1_0", "\u0663", "1." + "0" * 90 + "e9", "0x10"])
def test_in_a_file_a_number_is_what_training_takes_for_one(text: str) -> None:
    with pytest.raises(InvalidInput, match="must be a number, not"):
        MONTHS.read(text, is_text=True)


def test_a_category_is_found_by_its_look_but_capitals_count() -> None:
    assert CONTRACT.read("two\u00a0years") == "two years"
    with pytest.raises(InvalidInput, match='did you mean "monthly"'):
        CONTRACT.read("Monthly")


def test_a_long_text_is_refused_at_once_and_quoted_in_part() -> None:
    with pytest.raises(InvalidInput) as refusal:
        CONTRACT.read("x" * 1_000_000)
    assert len(str(refusal.value)) < 300


def test_half_of_a_surrogate_pair_is_no_category() -> None:
    with pytest.raises(InvalidInput) as refusal:
        CONTRACT.read("\ud83d")
    str(refusal.value).encode()


def test_of_many_names_the_nearest_is_told_whatever_its_capitals() -> None:
    names = [f"column {i}" for i in range(100)] + ["TotalCharges"]
    assert among("totalcharge", names) == 'did you mean "TotalCharges"?'
    assert among("zzz", names).endswith("and 91 more")


def test_the_schema_of_a_row_has_all_columns_and_no_other() -> None:
    schema = schema_of([MONTHS, CONTRACT])
    assert schema["required"] == ["contract"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["contract"]["enum"] == ["monthly", "two years"]


def test_a_typical_row_can_be_read() -> None:
    unknown = Column(name="rooms", kind="number", seen=(2, 9))
    kinds = Column(name="kind", kind="category", categories=["flat"])
    columns = [MONTHS, CONTRACT, unknown, kinds]
    row = typical_row(columns)
    assert row == {"months": 10, "contract": "two years", "rooms": 2, "kind": "flat"}
    assert [column.read(row[column.name]) for column in columns] == [10, "two years", 2, "flat"]


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "category"},
        {"kind": "number", "categories": ["a"]},
        {"kind": "category", "categories": ["a", "a"]},
        {"kind": "category", "categories": ["a", ""]},
        {"kind": "number", "typical": "a"},
        {"kind": "category", "categories": ["a"], "typical": 1.0},
    ],
)
def test_a_column_that_contradicts_itself_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="x"):
        Column.model_validate({"name": "x", **fields})
