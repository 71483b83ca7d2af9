"""The next pass: all that step, and what is read of prompts or sources without keeping them from a token too long."""

from collections.abc import Sequence
from itertools import accumulate

from app.serving.passes import Pass
from app.serving.slots import Slots
from app.serving.step_cost import LARGEST_CHUNK, StepCost
from app.serving.writing import Beam, Writing

MOST_BETWEEN_S = 0.2  # two tokens of one answer, while prompts are read beside it


def next_pass(slots: Slots, cost: StepCost) -> Pass | None:
    """Return what is to be done next; None if no answer has a slot."""
    rows, reading = slots.rows, sorted(slots.reading, key=lambda one: reading_order(one, cost))
    if not reading:
        return Pass(slots.take_moves(), rows) if rows else None
    if reading[0].prompt.source is not None:
        return Pass(slots.take_moves(), rows, beginning=_beginning(reading, rows, cost))
    return Pass(slots.take_moves(), rows, reading[0], _chunk(reading[0], rows, cost))


def reading_order(writing: Writing, cost: StepCost) -> float:
    """The shortest rest is read first, but whoever has waited for as long as the difference goes before."""
    return (writing.begun or writing.submitted) + cost.prompt_s(writing.to_read)


def seconds_of(one: Pass, cost: StepCost) -> float:
    """Return what a pass should take, by what was measured."""
    read_s = cost.chunk_s(one.chunk, one.reading.known) if one.reading is not None else 0.0
    return _step_s(one.rows, cost) + read_s + sum(cost.chunk_s(begun.to_read) for begun in one.beginning)


def _beginning(reading: Sequence[Writing], rows: Sequence[Writing | Beam], cost: StepCost) -> Sequence[Writing]:
    """The first, and those that are read within the time that is left. Each source is read at once."""
    ends_s = accumulate((cost.slower * cost.chunk_s(one.to_read) for one in reading), initial=0.0)
    left_s = MOST_BETWEEN_S - cost.slower * _step_s(rows, cost)
    return reading[: max(1, sum(end_s <= left_s for end_s in ends_s) - 1)]


def _chunk(reading: Writing, rows: Sequence[Writing | Beam], cost: StepCost) -> int:
    most = LARGEST_CHUNK
    if rows:
        most = cost.chunk_within(MOST_BETWEEN_S - cost.slower * _step_s(rows, cost), reading.known)
    chunk = min(most, reading.unread)
    return chunk - 1 if reading.unread - chunk == 1 else chunk  # slots.LEAST_READ says why


def _step_s(rows: Sequence[Writing | Beam], cost: StepCost) -> float:
    return cost.step_s(len(rows), sum(len(row.ids) for row in rows))
