import pytest

from training.card.prose import Prose

GARMENTS = Prose("training.recipes.fashion_mnist")


def test_a_paragraph_is_one_line_as_a_manifest_has_it() -> None:
    assert GARMENTS.text("Notes").startswith("One seed; of 10,000 test pictures chance alone moves")
    assert "\n" not in GARMENTS.text("Notes")


def test_items_are_filled_with_values() -> None:
    limits = GARMENTS.items("Limits", size=28)
    assert len(limits) == 5
    assert limits[1].startswith("Everything is looked at as 28 x 28 grey pixels: ")


def test_a_heading_or_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError, match="Price"):
        GARMENTS.text("Price")
    with pytest.raises(KeyError, match="size"):
        GARMENTS.items("Limits")
