"""A field that may be left out may be null, and then it is as if it had been left out."""

from typing import Annotated

import pytest
from pydantic import Field, StrictBool, ValidationError, model_validator

from app.tasks.schema import Schema


class Limits(Schema):
    words: Annotated[int, Field(ge=1)] = 3
    tokens: Annotated[int | None, Field(ge=1)] = None

    @model_validator(mode="after")
    def _one(self):
        if len(self.model_fields_set) > 1:
            raise ValueError("one of them")
        return self


class Asked(Schema):
    text: str
    limits: Limits = Limits()
    tags: Annotated[list[str], Field(default_factory=list)]
    is_short: StrictBool = False


@pytest.mark.parametrize(
    "read", [Asked.model_validate_json, lambda text: Asked.model_validate(eval(text, {"null": None}))]
)
@pytest.mark.parametrize(
    "text",
    [
        '{"text": "a", "limits": null, "tags": null, "is_short": null}',
        '{"text": "a", "limits": {"words": null, "tokens": null}}',
    ],
)
def test_null_is_absent(read, text):
    asked = read(text)
    assert asked == Asked(text="a")
    assert not asked.limits.model_fields_set
    assert asked.model_fields_set <= {"text", "limits"}


def test_null_excludes_nothing_that_it_stands_beside():
    assert Asked.model_validate_json('{"text": "a", "limits": {"words": null, "tokens": 4}}').limits.tokens == 4


def test_a_default_is_not_shared():
    first, second = (Asked.model_validate_json('{"text": "a", "tags": null}') for _ in range(2))
    first.tags.append("b")
    assert second.tags == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"text": null}', ("text",)),
        ('{"text": "a", "unknown": null}', ("unknown",)),
        ('{"text": "a", "limits": {"words": 0}}', ("limits", "words")),
        ('{"text": "a", "is_short": 1}', ("is_short",)),
        ('{"text": "a", "tags": [null]}', ("tags", 0)),
    ],
)
def test_what_is_needed_or_unknown_is_not_forgiven(text, where):
    with pytest.raises(ValidationError) as raised:
        Asked.model_validate_json(text)
    assert [one["loc"] for one in raised.value.errors()] == [where]


@pytest.mark.parametrize("extra", [6, 100_000])
def test_many_unknown_fields_are_one_fault(extra):
    with pytest.raises(ValidationError) as raised:
        Asked.model_validate({"text": "a", **{f"k{i}": i for i in range(extra + 3)}})
    (fault,) = raised.value.errors()
    assert f"{extra + 3} fields are not known: k0, k1, k2, …; there are: text, limits, tags, is_short" in fault["msg"]


def test_few_unknown_fields_are_a_fault_each():
    with pytest.raises(ValidationError) as raised:
        Asked.model_validate({"text": "a", "k0": 0, "k1": 1})
    assert [fault["loc"] for fault in raised.value.errors()] == [("k0",), ("k1",)]
