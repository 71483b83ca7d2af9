"""One pass of a decoder: a token for each answer in flight, and what is read beside. Runs on a lane's thread."""

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import NamedTuple, cast

import numpy as np

from app.errors import ServiceError
from app.generation.beams import Branch
from app.generation.prompt import Logits, Token
from app.runtimes.interrupt import Interrupted
from app.serving.answering import failure_of
from app.serving.slots import Copy, Forget, Move, Swap
from app.serving.writing import Beam, Writing
from app.tensors import Array, Decoder, SequenceDecoder

# An encoder reads several sources in half of the time that they take one by one, and padding as long as tokens.
MOST_PADDED = 1.5
Next = Token | Branch | ServiceError
"""The outcome of a step for one answer: a token, or one for each of its beams."""


class Pass(NamedTuple):
    """`rows` lie in the first slots, in this order; of `reading`, if any, the next `chunk` tokens are read.

    Of `beginning` the sources are read, and all tokens but the last, with which they join the next step: a run of the
    decoder for one row takes almost as long as one for many.
    """

    moves: Sequence[Move]
    rows: Sequence[Writing | Beam]
    reading: Writing | None = None
    chunk: int = 0
    beginning: Sequence[Writing] = ()

    @property
    def stepping(self) -> list[Writing]:
        """The answers whose rows these are."""
        return [one for one in self.rows if isinstance(one, Writing)]

    @property
    def answers(self) -> list[Writing]:
        """All that it is about."""
        return [*self.stepping, *([self.reading] if self.reading else []), *self.beginning]


class Outcome(NamedTuple):
    """The next of each of `stepping`, and of `reading` if the chunk was its last; and seconds of both parts.

    `begun`: of each of `beginning` the fault, if it has one.
    """

    stepped: Sequence[Next]
    read: Next | None
    begun: Sequence[ServiceError | None]
    step_s: float
    read_s: float


def run_pass(decoder: Decoder, one: Pass) -> Outcome:
    """A row at which the decoder fails fails alone. Raises Interrupted, and what fails without a row's fault."""
    started = perf_counter()
    for move in one.moves:
        _move(decoder, move)
    stepped = _step(decoder, one.rows, one.stepping) if one.rows else []
    between = perf_counter()
    read = _read(decoder, one.reading, one.chunk) if one.reading is not None else None
    begun = _begin(cast(SequenceDecoder, decoder), one.beginning) if one.beginning else []
    return Outcome(stepped, read, begun, between - started, perf_counter() - between)


def _step(decoder: Decoder, rows: Sequence[Writing | Beam], answers: Sequence[Writing]) -> Sequence[Next]:
    ids = np.array([[row.ids[-1]] for row in rows], np.int64)
    lengths = np.array([len(row.ids) for row in rows], np.int32)
    try:
        logits = decoder.run(ids, 0, lengths)
    except Interrupted:
        raise
    except Exception as error:
        if len(rows) == 1:
            return [failure_of(error, "prompt")]
        return [_alone(decoder, one, ids, lengths) for one in answers]
    return [_next(one, [logits[row.slot] for row in one.rows]) for one in answers]


def _alone(decoder: Decoder, one: Writing, ids: Array, lengths: Array) -> Next:
    """The next of one answer, row by row. A token that is read twice is written to the same place."""
    found: list[Logits] = []
    for at in (row.slot for row in one.rows):
        try:
            found.append(decoder.run(ids[at : at + 1], at, lengths[at : at + 1])[0].copy())
        except Interrupted:
            raise
        except Exception as error:
            return failure_of(error, "prompt")
    return _next(one, found)


def _read(decoder: Decoder, row: Writing, chunk: int) -> Next | None:
    end = row.known + chunk
    ids: Array = np.array([row.ids[row.known : end]], np.int64)
    try:
        logits = decoder.run(ids, row.slot, np.array([end], np.int32))
    except Interrupted:
        raise
    except Exception as error:
        return failure_of(error, "prompt")
    return _next(row, [logits[0]]) if end == len(row.ids) else None


def _begin(decoder: SequenceDecoder, rows: Sequence[Writing]) -> Sequence[ServiceError | None]:
    """Read sources, those of about one length together; if that fails, one by one."""
    faults: dict[int, ServiceError | None] = {}
    for some in _alike(sorted(rows, key=lambda row: row.prompt.source_length)):
        faults |= {row.slot: fault for row, fault in zip(some, _begin_together(decoder, some), strict=True)}
    return [faults[row.slot] for row in rows]


def _alike(rows: Sequence[Writing]) -> Iterator[Sequence[Writing]]:
    """Cut what is sorted by its length where the longest would be more than MOST_PADDED times the shortest."""
    start = 0
    for at, row in enumerate(rows):
        if row.prompt.source_length > MOST_PADDED * rows[start].prompt.source_length:
            yield rows[start:at]
            start = at
    yield rows[start:]


def _begin_together(decoder: SequenceDecoder, rows: Sequence[Writing]) -> Sequence[ServiceError | None]:
    try:
        decoder.begin_all([row.slot for row in rows], [row.prompt.source for row in rows if row.prompt.source])
        for row in rows:
            if before := row.ids[:-1]:
                decoder.run(np.array([before], np.int64), row.slot, np.array([len(before)], np.int32))
    except Interrupted:
        raise
    except Exception as error:
        if len(rows) == 1:
            return [failure_of(error, "prompt")]
        return [fault for row in rows for fault in _begin_together(decoder, [row])]
    return [None] * len(rows)


def _next(one: Writing, logits: Sequence[Logits]) -> Next:
    """The next of an answer, by the logits of each of its rows."""
    try:
        return one.chooser.choose(*logits)
    except ServiceError as error:  # a grammar that became too complex is a fault of whoever sent it
        return error
    except Exception as error:
        return failure_of(error, "prompt")


def _move(decoder: Decoder, move: Move) -> None:
    if isinstance(move, Copy):
        decoder.copy(*move)
    elif isinstance(move, Swap):
        decoder.swap(*move)
    elif isinstance(move, Forget):
        decoder.forget(move.slot)
