from typing import Any

import pytest

from app.errors import ModelNotFound, ModelNotReady
from app.serving.choosing import choose, fitting
from app.serving.engine import Ask, Served, VersionStatus


class Standing:
    """A version of which nothing is asked."""

    def __init__(self, version: int, form: str = "texts") -> None:
        manifest: Any = type("Manifest", (), {"version": version})
        self.served = Served(manifest, contracts={}, forms={"view": form}, class_names={}, card={})


NEWEST_FIRST: Any = [Standing(3, "photos"), Standing(2), Standing(1)]


def ask(read_for: str = "") -> Ask:
    return Ask("words", None, "view", [], None, 1.0, read_for=read_for)


def test_the_first_answers_whoever_names_no_version():
    assert choose("words", NEWEST_FIRST, {}, None) is NEWEST_FIRST[0]
    assert choose("words", NEWEST_FIRST, {}, None, fitting(ask())) is NEWEST_FIRST[0]
    assert choose("words", NEWEST_FIRST, {}, 1) is NEWEST_FIRST[2]


def test_items_that_were_read_for_a_form_go_to_a_version_that_takes_it():
    assert choose("words", NEWEST_FIRST, {}, None, fitting(ask("texts"))) is NEWEST_FIRST[1]
    with pytest.raises(ModelNotReady, match="was replaced meanwhile"):
        choose("words", NEWEST_FIRST, {}, 3, fitting(ask("texts")))
    with pytest.raises(ModelNotReady, match="was replaced meanwhile"):
        choose("words", NEWEST_FIRST, {}, None, fitting(ask("tables")))


def test_a_version_that_does_not_answer_says_why():
    statuses = {4: VersionStatus(4, "failed", "golden example 0 fails"), 5: VersionStatus(5, "loading")}
    with pytest.raises(ModelNotReady, match="model words version 4 is failed: golden example 0 fails"):
        choose("words", NEWEST_FIRST, statuses, 4)
    with pytest.raises(ModelNotReady, match=r"model words version 5 is loading$"):
        choose("words", NEWEST_FIRST, statuses, 5)
    with pytest.raises(ModelNotReady, match="model words is not ready: golden example 0 fails"):
        choose("words", [], statuses, None)
    with pytest.raises(ModelNotFound, match="no version 9 of model words"):
        choose("words", NEWEST_FIRST, statuses, 9)
