"""Bodies of the native dialect, made of what tasks declare."""

import pytest
from pydantic import ValidationError

from app.api.contracts import bodies_of
from app.tasks.tensors import RawTensors
from app.tasks.text_classification import TextClassification
from app.tasks.text_generation import TextGeneration


def test_the_first_field_of_an_item_may_be_given_bare():
    Request = bodies_of(TextClassification.contract, 8).Request
    bare, named = Request.model_validate({"inputs": ["a"]}), Request.model_validate({"inputs": [{"text": "a"}]})
    assert bare == named
    items = Request.model_json_schema()["properties"]["inputs"]["items"]
    assert {"string", None} <= {one.get("type") for one in items["anyOf"]}


def test_an_item_without_fields_stays_as_it_is():
    tensors = {"x": [[1, 2]]}
    sent = bodies_of(RawTensors.contract, 8).Request.model_validate({"inputs": [tensors]})
    assert sent.model_dump()["inputs"] == [tensors]


@pytest.mark.parametrize("number", [0, 3])
def test_how_many_items_there_may_be_is_part_of_the_schema(number):
    with pytest.raises(ValidationError, match="inputs"):
        bodies_of(TextClassification.contract, 2).Request.model_validate({"inputs": ["a"] * number})


def test_only_what_comes_in_pieces_has_events_and_may_be_streamed():
    whole, pieces = bodies_of(TextClassification.contract, 8), bodies_of(TextGeneration.contract, 8)
    assert whole.Event is None
    assert "stream" not in whole.Request.model_fields
    assert pieces.Event is not None
    assert {"model", "version", "text"} <= set(pieces.Event.model_fields)
    assert "stream" in pieces.Request.model_fields


def test_the_bodies_of_a_task_are_made_once():
    assert bodies_of(TextClassification.contract, 8) is bodies_of(TextClassification.contract, 8)
