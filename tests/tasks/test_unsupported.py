"""Places of a summary that has what its text does not have."""

import pytest

from app.tasks.unsupported import unsupported_places

TEXT = ["Kaffe is a server for the U.S. postal rates of 1,000 towns.", "It was written by Anna Ost in C++."]


def words(summary, text=TEXT):
    return [summary[start:end] for start, end in unsupported_places(summary, text)]


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ("server for the rates of a thousand towns", []),
        ("server by Anna Ost", []),
        ("server by Anna Berg and by Anna Berg", ["Berg", "Berg"]),
        ("rates of 12 towns and 1200", ["12", "1200"]),
        ("rates of the E.U. for us", ["E.U"]),
        ("", []),
    ],
)
def test_they_are_the_names_and_numbers_that_are_not_there(summary, expected):
    assert words(summary) == expected


def test_a_name_is_marked_and_not_the_word_that_is_spelt_like_it():
    assert words("gives mac the rates of MAC ports", ["It is a list of the rates of the ports."]) == ["MAC"]


def test_only_english_is_checked():
    assert unsupported_places("Server von 12", ["Ein Server mit Daten, den Anna Ost geschrieben hat."]) is None
