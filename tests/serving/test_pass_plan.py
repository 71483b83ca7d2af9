"""The next pass: nobody in flight waits long for a token, and prompts are read on."""

from dataclasses import replace

from decoders import COST, SLOW

from app.generation.prompt import Prompt, Token
from app.generation.sampling import Chooser
from app.serving.pass_plan import MOST_BETWEEN_S, next_pass, seconds_of
from app.serving.scheduler import Turn
from app.serving.shares import Share
from app.serving.slots import Slots
from app.serving.step_cost import CHUNKS, LARGEST_CHUNK, StepCost
from app.serving.writing import Writing
from app.tensors import EncoderInput

LONG = 3 * LARGEST_CHUNK


def begun(slots: Slots, length: int, at: float = 0.0) -> Writing:
    prompt = Prompt(tuple(range(length)), 8)
    writing = Writing(prompt, Turn(1e9, 0, "a"), Share(), 0.0, Chooser(prompt))
    slots.admit(writing)
    writing.begun = at
    return writing


def stepping(slots: Slots, length: int = 4) -> Writing:
    writing = begun(slots, length)
    writing.known = length
    slots.begin_stepping(writing)
    writing.add(Token(7))
    return writing


def test_without_answers_there_is_nothing_to_do():
    assert next_pass(Slots(4, 10_000), COST) is None


def test_a_prompt_alone_is_read_in_the_largest_chunks():
    slots = Slots(4, 10_000)
    reading = begun(slots, LONG)
    one = next_pass(slots, SLOW)
    assert one is not None
    assert (list(one.stepping), one.reading, one.chunk) == ([], reading, LARGEST_CHUNK)


def test_all_that_have_a_token_step_and_one_prompt_is_read_beside_them():
    slots = Slots(4, 10_000)
    first, second = stepping(slots), stepping(slots)
    begun(slots, LONG)
    one = next_pass(slots, COST)
    assert one is not None
    assert list(one.stepping) == [first, second]
    assert one.chunk in CHUNKS
    assert seconds_of(one, COST) <= MOST_BETWEEN_S


def test_beside_slow_steps_a_prompt_is_read_in_the_smallest_chunks():
    slots = Slots(4, 10_000)
    stepping(slots)
    begun(slots, LONG)
    one = next_pass(slots, SLOW)  # a step alone takes longer than there should be between two tokens
    assert one is not None
    assert one.chunk == CHUNKS[0]


def test_no_chunk_leaves_a_single_token():
    slots = Slots(4, 10_000)
    begun(slots, LARGEST_CHUNK + 1)
    one = next_pass(slots, COST)
    assert one is not None
    assert one.chunk == LARGEST_CHUNK - 1


def test_the_shortest_prompt_is_read_first_unless_another_has_waited_for_longer_than_the_difference():
    cost = StepCost(base_s=0.0, row_s=0.0, token_s=0.0, read_s=0.01, past_s=0.0)
    slots = Slots(4, 10_000)
    longer, shorter = begun(slots, 300, at=10.0), begun(slots, 100, at=11.0)
    one = next_pass(slots, cost)
    assert one is not None
    assert one.reading is shorter
    longer.begun = 8.0  # three seconds before, for two seconds more to read
    one = next_pass(slots, cost)
    assert one is not None
    assert one.reading is longer


def test_a_pass_takes_what_its_steps_and_its_chunk_take():
    slots = Slots(4, 10_000)
    written = stepping(slots, 4)
    begun(slots, 40)
    one = next_pass(slots, COST)
    assert one is not None
    assert seconds_of(one, COST) == COST.step_s(1, len(written.ids)) + COST.chunk_s(one.chunk, 0)


def sourced(slots: Slots, length: int, at: float) -> Writing:
    prompt = Prompt((1,), 8, source=EncoderInput({}, length))
    writing = Writing(prompt, Turn(1e9, 0, "a"), Share(), 0.0, Chooser(prompt))
    slots.admit(writing)
    writing.begun = at
    return writing


def test_as_many_sources_are_read_as_leave_nobody_without_a_token_for_long():
    slots = Slots(40, 10_000)
    stepping(slots)
    waiting = [sourced(slots, 20, at=1.0 + number) for number in range(30)]
    cost = replace(COST, base_s=0.02)
    one = next_pass(slots, cost)
    assert one is not None
    assert (one.reading, list(one.beginning)) == (None, waiting[: len(one.beginning)])
    assert 1 < len(one.beginning) < len(waiting)
    assert seconds_of(one, cost) <= MOST_BETWEEN_S
    more = seconds_of(one._replace(beginning=waiting[: len(one.beginning) + 1]), cost)
    assert more > MOST_BETWEEN_S


def test_beside_slow_steps_one_source_is_read():
    slots = Slots(4, 10_000)
    stepping(slots)
    first, _ = sourced(slots, 20, at=1.0), sourced(slots, 20, at=2.0)
    one = next_pass(slots, SLOW)
    assert one is not None
    assert list(one.beginning) == [first]
