from pathlib import Path

import pytest
from pydantic import ValidationError
from tiny_encoders import trained
from tokenizers import Tokenizer

from app.tasks.text import TextEncoder
from app.tasks.text_pairs import PairEncoder
from app.tasks.zero_shot_classification import (
    ZeroShotClassification,
    ZeroShotConfig,
    ZeroShotInput,
    ZeroShotKernel,
    ZeroShotParameters,
)

LONG = ["the ferry leaves " * 5000, "é " * 40_000, "漢" * 90_000, "a" * 90_000, "x\u0301" * 40_000, "no ferry"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "tokenizer.json"
    path.write_text(trained("wordpiece"))
    return path


@pytest.mark.parametrize("text", LONG, ids=lambda text: text[:5])
def test_the_beginning_of_a_text_has_the_tokens_that_are_read_of_it(tokenizer, text):
    encoder = PairEncoder(tokenizer, 32, has_types=True)
    second = ("it is late", ("second",))
    whole, beginning = (
        encoder.pair_row(encoder.pair(((one, ("first",)), second), 0)) for one in (text, encoder.beginning(text))
    )
    assert {name: array.tolist() for name, array in whole.items()} == {
        name: array.tolist() for name, array in beginning.items()
    }


def test_the_beginning_is_short_where_tokens_are(tokenizer):
    encoder = PairEncoder(tokenizer, 32, has_types=False)
    assert len(encoder.beginning(LONG[0])) < 500
    assert encoder.beginning("the ferry") == "the ferry"
    assert encoder.beginning(" \u200b") == " \u200b"


def test_a_long_text_is_judged_by_its_beginning_for_each_label(tokenizer):
    config = ZeroShotConfig(tokenizer="tokenizer.json", max_tokens=32, entailment=0, contradiction=2)
    view = ZeroShotClassification(ZeroShotKernel(config, {"tokenizer.json": tokenizer}))
    item = ZeroShotInput(text=LONG[0], candidate_labels=["travel", "food"])
    rows = view.preprocess(item, ZeroShotParameters(truncate=True)).rows
    assert [len(row["input_ids"]) for row in rows] == [32, 32]


def test_a_label_stands_in_one_place_of_a_template():
    for template, says in (
        ("It is so.", "has no {} for the label"),
        ("{} is {}.", "has 2 {}, and the label stands in"),
    ):
        with pytest.raises(ValidationError, match=says):
            ZeroShotParameters(hypothesis_template=template)


@pytest.mark.parametrize("text", LONG, ids=lambda text: text[:5])
def test_what_is_cut_off_a_text_is_not_kept(tokenizer, text):
    encoder = TextEncoder(tokenizer, 32)
    found = encoder.tokens(text, truncate=True)
    assert len(found.ids) <= 32
    assert sum(len(one.ids) for one in found.overflowing) <= 6 * 32
    known = Tokenizer.from_file(str(tokenizer)).encode(text).ids
    assert found.ids[:-1] == known[: len(found.ids) - 1]
