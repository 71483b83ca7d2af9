"""The next pass: all that step, and as large a chunk of one prompt as leaves them no longer without a token."""

from collections.abc import Sequence

from app.serving.passes import Pass
from app.serving.slots import Slots
from app.serving.step_cost import LARGEST_CHUNK, StepCost
from app.serving.writing import Beam, Writing

MOST_BETWEEN_S = 0.2  # two tokens of one answer, while prompts are read beside it


def next_pass(slots: Slots, cost: StepCost) -> Pass | None:
    """Return what is to be done next; None if no answer has a slot."""
    rows = slots.rows
    reading = min(slots.reading, key=lambda one: reading_order(one, cost), default=None)
    if not rows and reading is None:
        return None
    chunk = 0 if reading is None else _chunk(reading, rows, cost)
    return Pass(slots.take_moves(), rows, reading, chunk)


def reading_order(writing: Writing, cost: StepCost) -> float:
    """The shortest rest is read first, but whoever has waited for as long as the difference goes before."""
    return (writing.begun or writing.submitted) + cost.prompt_s(writing.to_read)


def seconds_of(one: Pass, cost: StepCost) -> float:
    """Return what a pass should take, by what was measured."""
    return _step_s(one.rows, cost) + (_read_s(one.reading, one.chunk, cost) if one.reading is not None else 0.0)


def _chunk(reading: Writing, rows: Sequence[Writing | Beam], cost: StepCost) -> int:
    most = LARGEST_CHUNK
    if rows:
        most = cost.chunk_within(MOST_BETWEEN_S - cost.slower * _step_s(rows, cost), reading.known)
    chunk = min(most, reading.unread)
    return chunk - 1 if reading.unread - chunk == 1 else chunk  # slots.LEAST_READ says why


def _read_s(reading: Writing, chunk: int, cost: StepCost) -> float:
    """A source is read at once, before the first chunk."""
    return cost.chunk_s(chunk + reading.to_read - reading.unread, reading.known)


def _step_s(rows: Sequence[Writing | Beam], cost: StepCost) -> float:
    return cost.step_s(len(rows), sum(len(row.ids) for row in rows))
