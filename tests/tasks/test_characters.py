import pytest

from app.tasks.characters import find_alike, folded, is_blank


@pytest.mark.parametrize(
    "text",
    ["", " \n\t", "\u200b\ufeff", "\u0301", "\u3164", "\u2800", "\U0010ffff", "\ufdd0"],
    ids=[
        "nothing",
        "spaces",
        "format",
        "mark alone",
        "filler",
        "Braille blank",
        "noncharacter",
        "another",
    ],
)
def test_of_some_texts_nothing_can_be_seen(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", "!", "好", "👍", "\ue000", "\u0378"], ids=ascii)
def test_what_can_be_seen_here_or_where_it_was_written_is_a_text(text: str) -> None:
    assert not is_blank(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＨＰ\u3000１", "HP 1"),
        ("e\u0301te\u0301", "été"),
        ("it’s a ‘film’", "it's a 'film'"),
        ("Spider‑Man – II", "Spider-Man - II"),
        ("a\u200bb\ufe0f", "ab"),
        ("two\n words ", "two words"),
    ],
)
def test_what_looks_the_same_is_folded_into_one(one: str, other: str) -> None:
    assert folded(one) == folded(other) == other


@pytest.mark.parametrize(("one", "other"), [("Cat", "cat"), ("été", "ete"), ("B", "Β"), ("ab", "a b")])
def test_what_looks_different_stays_so(one: str, other: str) -> None:
    assert folded(one) != folded(other)


def test_a_name_is_found_as_it_is_before_one_that_looks_like_it() -> None:
    assert find_alike("Ｃat", ["dog", "Cat", "Ｃat"]) == "Ｃat"
    assert find_alike("Ｃat", ["dog", "Cat", "Cat "]) == "Cat"
    assert find_alike("cat", ["dog", "Cat"]) is None
    assert find_alike("cat", []) is None


def test_a_name_far_longer_than_any_is_not_folded() -> None:
    assert find_alike("c\u200bat", ["cat"]) == "cat"
    assert find_alike("c" + 20 * "\u200b" + "at", ["cat"]) is None
