"""The tree of errors must survive a way through another process: remote engines raise what happened there."""

import copy
import pickle
from typing import Self

import pytest
from pydantic import BaseModel, ValidationError, model_validator

from app.errors import Detail, InferenceFailed, InvalidInput, Overloaded, ServiceError, first_fault, said

DETAILS = [{"loc": ["inputs", 2, "text"], "msg": "the text is empty"}]


def tree(kind: type[ServiceError]) -> list[type[ServiceError]]:
    ours = [child for child in kind.__subclasses__() if child.__module__ == kind.__module__]  # other tests have theirs
    return [kind, *(each for child in ours for each in tree(child))]


@pytest.mark.parametrize("kind", tree(ServiceError), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("copied", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_every_error_can_be_copied_with_all_that_it_says(kind, copied):
    error = kind("why", 1.5) if issubclass(kind, Overloaded) else kind("why")
    error.details = DETAILS
    found = copied(error)
    assert type(found) is kind
    assert str(found) == "why"
    assert vars(found) == vars(error)


def test_a_fault_seen_from_further_out_can_be_copied_too():
    found = pickle.loads(pickle.dumps(InvalidInput("the text is empty").under("inputs", 2, "text")))
    assert str(found) == "inputs.2.text: the text is empty"
    assert found.details == DETAILS


def test_what_led_to_an_error_arrives_in_words_however_far_it_is_sent():
    error = InferenceFailed("the model failed on this input")
    assert error.cause == ""
    error.__cause__ = RuntimeError("indices out of bounds")
    there = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(error))))
    assert there.cause == error.cause == "RuntimeError('indices out of bounds')"


def test_the_first_fault_that_pydantic_finds_is_said_by_its_place_and_without_its_value():
    class Inner(BaseModel):
        size: int

    class Outer(BaseModel):
        parts: list[Inner]

        @model_validator(mode="after")
        def _has_parts(self) -> Self:
            if not self.parts:
                raise ValueError("has no parts")
            return self

    def fault_of(text: str) -> Detail:
        with pytest.raises(ValidationError) as caught:
            Outer.model_validate_json(text)
        return first_fault(caught.value)

    nested = fault_of('{"parts": [{"size": 1}, {"size": "secret"}, {}]}')
    assert nested["loc"] == ["parts", 1, "size"]
    assert said(nested).startswith("parts.1.size: Input should be a valid integer")
    assert "secret" not in str(nested)
    assert said(fault_of('{"parts": []}')) == "has no parts"
    assert said(fault_of("{")).startswith("Invalid JSON")
