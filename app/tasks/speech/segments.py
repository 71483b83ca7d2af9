"""Transcripts of windows, put together as segments of the whole recording."""

from collections.abc import Callable, Iterator, Sequence

from app.tasks.speech.overlaps import said_once
from app.tasks.speech.pieces import Piece, WindowAnswer
from app.tasks.speech.recording import RATE
from app.tasks.speech.rules import STEP_S


def segments_of(
    answers: Sequence[WindowAnswer], text_of: Callable[[Sequence[int]], str], timestamp_begin: int
) -> list[Piece]:
    """Return the segments of all windows in order, none of windows in which nobody speaks."""
    found: list[Piece] = []
    for written in answers:
        if written.is_silent:
            continue
        pieces = [piece for piece in _pieces(written, text_of, timestamp_begin) if piece.text.strip()]
        found = said_once(found, pieces) if written.window.overlaps else found + pieces
    return found


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
