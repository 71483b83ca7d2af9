"""Transcripts of windows, put together as segments of the whole recording."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from app.tasks.speech.recording import RATE
from app.tasks.speech.rules import STEP_S
from app.tasks.speech.windows import OVERLAP, Window

# As OpenAI's code has them (Radford et al., 2022, 4.5).
MOST_NO_SPEECH, LEAST_LOGPROB, MOST_COMPRESSION = 0.6, -1.0, 2.4
MOST_SHARED = 4 * OVERLAP // RATE  # words that are looked for in what two windows share: four a second
MOST_CUT = 1  # words at a cut that may be wrong, since half of them was heard


class WindowAnswer(NamedTuple):
    """The answer to one window: tokens of text and of times, and how sure the model was of them."""

    window: Window
    ids: Sequence[int]
    avg_logprob: float
    no_speech_prob: float

    @property
    def is_silent(self) -> bool:
        """Whether nobody speaks there: the model thinks so, and is not sure of what it has written."""
        return self.no_speech_prob > MOST_NO_SPEECH and self.avg_logprob < LEAST_LOGPROB


class Piece(NamedTuple):
    """A segment: from one second of the recording to another. Its text begins with a blank where words have them."""

    start: float
    end: float
    text: str
    written: WindowAnswer

    @property
    def compression_ratio(self) -> float:
        content = self.text.encode()
        return len(content) / len(zlib.compress(content)) if content else 0.0

    @property
    def is_doubtful(self) -> bool:
        """Whether it repeats itself, as a model that is lost does, or the model was not sure."""
        return self.compression_ratio > MOST_COMPRESSION or self.written.avg_logprob < LEAST_LOGPROB


def segments_of(
    answers: Sequence[WindowAnswer], text_of: Callable[[Sequence[int]], str], timestamp_begin: int
) -> list[Piece]:
    """Return the segments of all windows in order, none of windows in which nobody speaks."""
    found: list[Piece] = []
    for written in answers:
        if written.is_silent:
            continue
        pieces = [piece for piece in _pieces(written, text_of, timestamp_begin) if piece.text.strip()]
        if written.window.overlaps and found and pieces:
            found[-1], pieces[0] = _joined(found[-1], pieces[0])
        found += pieces
    return [piece for piece in found if piece.text.strip()]


def _pieces(written: WindowAnswer, text_of: Callable[[Sequence[int]], str], timestamp_begin: int) -> Iterator[Piece]:
    """Cut what was written at its times. Without any, it is one segment, as long as the window."""
    first, last = written.window.start / RATE, written.window.end / RATE
    start, ids = first, list[int]()
    for id in written.ids:
        if id < timestamp_begin:
            ids.append(id)
            continue
        time = min(first + (id - timestamp_begin) * STEP_S, last)
        if ids:
            yield Piece(start, time, text_of(ids), written)
        start, ids = time, []
    if ids:
        yield Piece(start, last, text_of(ids), written)


def _joined(before: Piece, after: Piece) -> tuple[Piece, Piece]:
    """Leave out of two segments what both windows have heard: the most words that end one and begin the other.

    Where there are none, both stay as they are: better a word twice than one that is missing.
    """
    left, right = before.text.split(), after.text.split()
    most = min(len(left), len(right), MOST_SHARED)
    for count in range(most, 0, -1):
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
