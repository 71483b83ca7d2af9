"""Names that would have no effect are refused."""

import pytest
from pydantic import ValidationError

from app.api.hf.known import MOST_QUOTED, KnownOnly


class Pair(KnownOnly):
    one: int = 1
    other: int = 2


def test_known_names_are_taken():
    assert Pair.model_validate({"one": 3}).one == 3


def test_unknown_names_are_told_beside_the_known_ones():
    with pytest.raises(ValidationError, match="more, most would have no effect here; what has: one, other"):
        Pair.model_validate({"one": 3, "more": 1, "most": 2})


def test_many_or_long_names_make_no_long_error():
    with pytest.raises(ValidationError) as refused:
        Pair.model_validate({f"{n}{'x' * 1000}": n for n in range(100)})
    message = refused.value.errors()[0]["msg"]
    assert message.count("xxx, ") == MOST_QUOTED - 1
    assert len(message) < 60 * MOST_QUOTED
