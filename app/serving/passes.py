"""One pass of a decoder: a token for each answer in flight, and a chunk of one prompt. Runs on a lane's thread."""

from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple, cast

import numpy as np

from app.errors import ServiceError
from app.generation.prompt import Token
from app.generation.sampling import choose
from app.runtimes.interrupt import Interrupted
from app.serving.answering import failure_of
from app.serving.slots import Copy, Forget, Move, Swap
from app.serving.writing import Writing
from app.tensors import Array, Decoder, SequenceDecoder


class Pass(NamedTuple):
    """`stepping` lie in the first slots, in this order; of `reading`, if any, the next `chunk` tokens are read."""

    moves: Sequence[Move]
    stepping: Sequence[Writing]
    reading: Writing | None = None
    chunk: int = 0


class Outcome(NamedTuple):
    """Tokens of each of `stepping`, and of `reading` if the chunk was its last; and seconds of both parts."""

    stepped: Sequence[Token | ServiceError]
    read: Token | ServiceError | None
    step_s: float
    read_s: float


def run_pass(decoder: Decoder, one: Pass) -> Outcome:
    """A row at which the decoder fails fails alone. Raises Interrupted, and what fails without a row's fault."""
    for move in one.moves:
        _move(decoder, move)
    started = perf_counter()
    stepped = _step(decoder, one.stepping) if one.stepping else []
    between = perf_counter()
    read = _read(decoder, one.reading, one.chunk) if one.reading is not None else None
    return Outcome(stepped, read, between - started, perf_counter() - between)


def _step(decoder: Decoder, rows: Sequence[Writing]) -> Sequence[Token | ServiceError]:
    ids = np.array([[row.ids[-1]] for row in rows], np.int64)
    lengths = np.array([len(row.ids) for row in rows], np.int32)
    try:
        logits = decoder.run(ids, 0, lengths)
    except Interrupted:
        raise
    except Exception as error:
        if len(rows) == 1:
            return [failure_of(error, "prompt")]
        # A token that is read twice is written to the same place.
        found: list[Token | ServiceError] = []
        for i in range(len(rows)):
            try:
                found += _chosen(decoder.run(ids[i : i + 1], i, lengths[i : i + 1]), rows[i : i + 1])
            except Interrupted:
                raise
            except Exception as own:
                found.append(failure_of(own, "prompt"))
        return found
    return _chosen(logits, rows)


def _read(decoder: Decoder, row: Writing, chunk: int) -> Token | ServiceError | None:
    end, source = row.known + chunk, row.prompt.source
    ids: Array = np.array([row.ids[row.known : end]], np.int64)
    try:
        if source and not row.known:
            cast(SequenceDecoder, decoder).begin(row.slot, source)
        logits = decoder.run(ids, row.slot, np.array([end], np.int32))
    except Interrupted:
        raise
    except Exception as error:
        return failure_of(error, "prompt")
    return _chosen(logits, [row])[0] if end == len(row.ids) else None


def _chosen(logits: Array, rows: Sequence[Writing]) -> Sequence[Token | ServiceError]:
    found = choose(logits, [row.chooser for row in rows])
    return [one if isinstance(one, Token | ServiceError) else failure_of(one, "prompt") for one in found]


def _move(decoder: Decoder, move: Move) -> None:
    if isinstance(move, Copy):
        decoder.copy(*move)
    elif isinstance(move, Swap):
        decoder.swap(*move)
    elif isinstance(move, Forget):
        decoder.forget(move.slot)
