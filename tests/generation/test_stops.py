"""Stop strings, however the text is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.generation.stops import StopStrings

few = st.text("ab<|", max_size=12)  # few characters, so that they meet
stops = st.lists(st.text("ab<|", min_size=1, max_size=4), max_size=4)


def shown(stops: list[str], pieces: list[str]) -> tuple[list[str], str, str | None]:
    search = StopStrings(stops)
    return [search.push(piece) for piece in pieces], search.end(), search.found


def by_definition(stops: list[str], text: str) -> tuple[str, str | None]:
    for end in range(1, len(text) + 1):
        if complete := [stop for stop in stops if text[:end].endswith(stop)]:
            found = max(complete, key=len)
            return text[: end - len(found)], found
    return text, None


@given(stops, st.lists(few, max_size=6))
def test_the_text_before_the_first_stop_is_shown_and_nothing_else(stops: list[str], pieces: list[str]):
    parts, rest, found = shown(stops, pieces)
    assert ("".join(parts) + rest, found) == by_definition(stops, "".join(pieces))


@given(stops, st.lists(few, max_size=6))
def test_no_more_is_held_back_than_a_stop_string_may_begin_with(stops: list[str], pieces: list[str]):
    search = StopStrings(stops)
    said = told = ""
    for piece in pieces:
        said += piece
        told += search.push(piece)
        if search.found is None:
            beginnings = {stop[:n] for stop in stops for n in range(1, len(stop))}
            longest = max((len(one) for one in beginnings if said.endswith(one)), default=0)
            assert told == said[: len(said) - longest]


@pytest.mark.parametrize(
    ("stops", "pieces", "parts", "rest", "found"),
    [
        ([], ["a", "b"], ["a", "b"], "", None),
        (["</s>"], ["a<", "/", "s> b", "c"], ["a", "", "", ""], "", "</s>"),
        (["</s>"], ["a<", "/", "b"], ["a", "", "</b"], "", None),
        (["\n\n"], ["a\n", "b\n"], ["a", "\nb"], "\n", None),
        (["aab"], ["aaa", "b"], ["a", ""], "", "aab"),
        (["b", "abc"], ["abc"], ["a"], "", "b"),  # complete first
        (["b", "ab"], ["xab"], ["x"], "", "ab"),  # complete at once: the longest
        (["ab", "ab"], ["ab"], [""], "", "ab"),
        (["🙂🙂"], ["🙂", "🙃"], ["", "🙂🙃"], "", None),
    ],
)
def test_for_example(stops: list[str], pieces: list[str], parts: list[str], rest: str, found: str | None):
    assert shown(stops, pieces) == (parts, rest, found)


def test_an_empty_stop_string_is_refused():
    with pytest.raises(InvalidInput, match="empty") as refused:
        StopStrings(["a", ""])
    assert refused.value.details[0]["loc"] == [1]
