import pytest

from app.tasks.quantities import quantities, quantities_of, unsupported_quantities


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("1,000 men", "1000 men"),
        ("1000 men", "a thousand men"),
        ("nine thousand names", "9,000 names"),
        ("1.5 billion", "1,500 mln"),
        ("5 million dollars", "$5m"),
        ("$5 million", "5 mln dlrs"),
        ("12 percent", "12% of them"),
        ("12%", "twelve per cent"),
        ("12 pct", "12 percent"),
        ("four euros", "€4"),
        ("€1,5", "1.5 euros"),
        ("1.000 men", "1,000 men"),
        ("twenty-one", "21 people"),
        ("a dozen eggs", "12 eggs"),
        ("in 1987", "on March 5, 1987"),
        ("1987", "the 1980s and 1987-88"),
        ("at 9:30", "9:30 in the morning"),
        ("2 of them", "two of them"),
        ("3/8", "7-3/8 percent"),
        ("the number 5", "5 pounds"),
    ],
)
def test_a_quantity_is_found_however_it_is_written(claim: str, source: str) -> None:
    assert unsupported_quantities(claim, quantities(source)) == []


@pytest.mark.parametrize(
    ("claim", "source", "missing"),
    [
        ("in 1987", "in 1986", ["1987"]),
        ("12 percent", "12 men", ["12 percent"]),
        ("$5", "5 euros", ["$5"]),
        ("5 million", "5 billion", ["5 million"]),
        ("1,000", "100", ["1,000"]),
        ("1.5", "15", ["1.5"]),
        ("two or three", "two", ["three"]),
        ("9:30", "9 and 30", ["9:30"]),
        ("the 1980s", "1985", ["1980s"]),
        ("about 3 of 7 at 5%", "3 at 5%", ["7"]),
    ],
)
def test_what_the_text_has_not_is_told_as_it_is_written(claim: str, source: str, missing: list[str]) -> None:
    assert unsupported_quantities(claim, quantities(source)) == missing


@pytest.mark.parametrize("text", ["", "none at all", "a man", "A320", "G7", "北山图书馆", "someone", "tens", "the 'k'"])
def test_what_is_no_quantity_is_none(text: str) -> None:
    assert quantities_of(text) == []


def test_long_and_odd_digits_are_read() -> None:
    for text in ("9" * 5_000, "1,2,3,4.5.6", "1.,.,2", "١٢٣", "٪12", "5 % %", "1e9"):
        assert unsupported_quantities(text, quantities(text)) == []
