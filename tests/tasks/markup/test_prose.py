"""Readable text in pieces: what a pattern is given at a time, while no other thread can run."""

import numpy as np
import pytest

from app.tasks.markup.prose import prose, together

LONGEST = 50_000  # characters, which a pattern reads in some milliseconds
TEXTS = {
    "paragraphs": "It rained on the town.\nNobody came.\n\n" * 20_000,
    "lines": "It rained on the town.\n" * 20_000,
    "one line": "It rained on the town. " * 20_000,
    "long lines": ("word " * 12_000 + "\n") * 10,
    "short": "It rained.",
    "nothing but breaks": "\n" * 200_000,
}


@pytest.mark.parametrize("source", TEXTS.values(), ids=TEXTS)
def test_pieces_are_short_and_make_up_the_text(source: str) -> None:
    whole = prose(source)
    pieces = list(whole.pieces())
    assert max(len(piece.text) for piece, _ in pieces) <= LONGEST
    again = together([piece for piece, _ in pieces])
    assert again.text == whole.text
    assert np.array_equal(again.starts, whole.starts)
    assert np.array_equal(again.ends, whole.ends)


@pytest.mark.parametrize("source", TEXTS.values(), ids=TEXTS)
def test_a_piece_says_whether_it_begins_a_line_and_a_part_of_a_line_ends_with_it(source: str) -> None:
    at = 0
    for piece, begins_line in prose(source).pieces():
        assert begins_line == (at == 0 or source[at - 1] == "\n")
        assert begins_line or "\n" not in piece.text[:-1]
        at += len(piece.text)


def test_paragraphs_are_not_divided() -> None:
    pieces = [piece.text for piece, _ in prose(TEXTS["paragraphs"]).pieces()]
    assert len(pieces) > 10
    assert all(text.startswith("It rained") and text.endswith("came.\n\n") for text in pieces)


def test_blank_lines_that_are_put_in_cover_nothing_of_the_source() -> None:
    text = prose("one\ntwo\nthree").with_blank_lines([4, 8])
    assert text.text == "one\n\ntwo\n\nthree"
    start = text.text.index("three")
    assert (int(text.starts[start]), int(text.ends[start + 4])) == (8, 13)
