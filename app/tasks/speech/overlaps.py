"""Two windows that share some seconds: what both have heard is said once."""

from collections.abc import Sequence

from app.tasks.speech.pieces import Piece
from app.tasks.speech.recording import RATE
from app.tasks.speech.windows import OVERLAP

LEAST_SHARED = 2  # words: one alone may come again by chance
WORDS_A_SECOND = 4  # that are said at most: so many are looked for in what two windows share
MOST_CUT = 1  # words at a cut that may be wrong, since half of them was heard


def said_once(before: Sequence[Piece], after: Sequence[Piece]) -> list[Piece]:
    """Return the segments up to a window and those of the next one, which begins OVERLAP before the end of the last.

    Of segments of the same time, those nearer to the middle of their window stay; of two that meet, the words are told
    once. What only one of the windows has heard stays: better a word twice than one that is missing.
    """
    if not before or not after:
        return [*before, *after]
    middle = (after[0].written.window.start + OVERLAP / 2) / RATE
    first, last = after[0].start, before[-1].end
    kept = [one for one in before if one.start < middle or one.end <= first]
    rest = [one for one in after if one.end > middle or one.start >= last]
    if kept and rest and rest[0].start < kept[-1].end:
        kept[-1], rest[0] = _joined(kept[-1], rest[0])
    return [one for one in (*kept, *rest) if one.text.strip()]


def _joined(before: Piece, after: Piece) -> tuple[Piece, Piece]:
    """Leave out of two segments what both windows have heard: the most words that end one and begin the other."""
    left, right = before.text.split(), after.text.split()
    most = min(len(left), len(right), round(WORDS_A_SECOND * (before.end - after.start)))
    for count in range(most, LEAST_SHARED - 1, -1):
        for cut_left in range(MOST_CUT + 1):
            for cut_right in range(MOST_CUT + 1):
                shared = left[len(left) - cut_left - count : len(left) - cut_left]
                if len(shared) == count and _alike(shared, right[cut_right : cut_right + count]):
                    kept, rest = left[: len(left) - cut_left], right[cut_right + count :]
                    return _holding(kept, before), _holding(rest, after)
    return before, after


def _alike(some: Sequence[str], others: Sequence[str]) -> bool:
    return [_plain(word) for word in some] == [_plain(word) for word in others]


def _plain(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())


def _holding(words: Sequence[str], piece: Piece) -> Piece:
    """Return the piece with these words of it, after the blank that it begins with."""
    blank = piece.text[: len(piece.text) - len(piece.text.lstrip())]
    return piece._replace(text=blank + " ".join(words))
