"""Slots: what lies where, and that every answer finds in its slot what it has read."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from app.generation.prompt import Prompt, Token
from app.generation.sampling import Chooser
from app.serving.scheduler import Turn
from app.serving.shares import Share
from app.serving.slots import LEAST_READ, LEAST_SHARED, Copy, Forget, Slots, Swap
from app.serving.writing import Writing

SHARED = tuple(range(100, 100 + 2 * LEAST_SHARED))


def writing(ids: tuple[int, ...], caller: str = "a", most_new: int = 5) -> Writing:
    prompt = Prompt(ids, most_new)
    return Writing(prompt, Turn(1e9, 0, caller), Share(), 0.0, Chooser(prompt))


@dataclass
class Memory:
    """The slots of a decoder, with the tokens whose keys and values would lie there."""

    slots: list[list[int]] = field(default_factory=lambda: [[] for _ in range(6)])

    def make(self, table: Slots) -> None:
        for move in table.take_moves():
            if isinstance(move, Copy):
                kept = self.slots[move.target][move.length :]
                self.slots[move.target] = self.slots[move.source][: move.length] + kept
            elif isinstance(move, Swap):
                one, other = self.slots[move.one], self.slots[move.other]
                self.slots[move.one] = other[: move.length] + one[move.length :]
                self.slots[move.other] = one[: move.length] + other[move.length :]
            elif isinstance(move, Forget):
                self.slots[move.slot] = []

    def read(self, one: Writing, number: int) -> None:
        self.slots[one.slot][one.known : one.known + number] = one.ids[one.known : one.known + number]
        one.known += number

    def holds(self, one: Writing) -> bool:
        return self.slots[one.slot][: one.known] == one.ids[: one.known]


def begin(table: Slots, memory: Memory, one: Writing) -> Writing:
    """Give it a slot, read all of its prompt, and its first token."""
    table.admit(one)
    memory.make(table)
    memory.read(one, one.unread)
    table.begin_stepping(one)
    one.add(Token(7))
    memory.make(table)
    return one


def test_a_prompt_that_begins_like_a_known_one_is_not_read_again() -> None:
    table, memory = Slots(6, 10_000), Memory()
    first = begin(table, memory, writing((*SHARED, 1, 2, 3)))
    table.release(first)
    again = writing((*SHARED, 4, 5, 6))
    table.admit(again)
    memory.make(table)
    assert again.cached == again.known == len(SHARED)
    assert memory.holds(again)


def test_it_shares_with_an_answer_in_flight_and_takes_nothing_from_it() -> None:
    table, memory = Slots(6, 10_000), Memory()
    first = begin(table, memory, writing((*SHARED, 1, 2, 3)))
    second = begin(table, memory, writing((*SHARED, 1, 2, 4)))
    assert second.cached == len(SHARED) + 1  # of the same two, and two are read in any case
    assert memory.holds(first)
    assert memory.holds(second)


def test_the_same_prompt_again_leaves_two_tokens_to_read() -> None:
    table, memory = Slots(6, 10_000), Memory()
    table.release(begin(table, memory, writing(SHARED)))
    again = writing(SHARED)
    table.admit(again)
    assert again.unread == LEAST_READ


def test_a_prompt_of_somebody_else_is_not_known() -> None:
    table, memory = Slots(6, 10_000), Memory()
    table.release(begin(table, memory, writing((*SHARED, 1, 2, 3), "a")))
    other = writing((*SHARED, 1, 2, 3), "b")
    table.admit(other)
    assert other.cached == 0
    assert not table.promised(writing((*SHARED, 1, 2, 3), "c"))


def test_the_tokens_of_an_answer_are_not_reused_as_a_prompt() -> None:
    table, memory = Slots(6, 10_000), Memory()
    first = begin(table, memory, writing((*SHARED, 1, 2, 3)))
    table.release(first)
    again = writing((*SHARED, 1, 2, 3, 7, 8, 9))  # 7 was the answer
    table.admit(again)
    assert again.cached == len(SHARED) + 3


def test_whoever_begins_alike_waits_for_a_prompt_that_is_being_read() -> None:
    table, memory = Slots(6, 10_000), Memory()
    first = writing((*SHARED, 1, 2, 3))
    table.admit(first)
    assert table.promised(writing((*SHARED, 4, 5)))
    assert not table.promised(writing(tuple(range(900, 950))))
    memory.make(table)
    memory.read(first, len(SHARED))
    assert not table.promised(writing((*SHARED, 4, 5)))


def test_a_known_prompt_goes_when_its_room_is_needed() -> None:
    table, memory = Slots(6, 150), Memory()
    table.release(begin(table, memory, writing((*SHARED, 1, 2, 3))))
    assert table.known_tokens == len(SHARED) + 3
    table.admit(writing(tuple(range(500, 590)), most_new=10))
    assert any(isinstance(move, Forget) for move in table.take_moves())
    assert table.known_tokens == 0


def test_there_is_room_for_all_tokens_that_answers_may_have() -> None:
    table = Slots(6, 100)
    table.admit(writing(tuple(range(50)), most_new=20))
    assert table.has_room(writing((1, 2), most_new=28))
    assert not table.has_room(writing((1, 2), most_new=29))


PROMPTS = st.lists(st.sampled_from([SHARED, SHARED[:40], tuple(range(300, 345)), (1, 2, 3)]), min_size=1, max_size=2)
STEPS = st.lists(st.tuples(st.sampled_from(["admit", "read", "step", "release", "lose"]), PROMPTS, st.integers(0, 50)))


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_whatever_happens_every_answer_finds_what_it_has_read(
    steps: list[tuple[str, list[tuple[int, ...]], int]],
) -> None:
    table, memory, live = Slots(6, 1_000), Memory(), list[Writing]()
    for action, prompt, number in steps:
        reading = table.reading
        if action == "admit":
            one = writing(tuple(id for part in prompt for id in part), "ab"[number % 2])
            if table.has_room(one):
                table.admit(one)
                live.append(one)
        elif action == "read" and reading:
            one = reading[number % len(reading)]
            memory.make(table)
            memory.read(one, min(one.unread, number + 1))
            if not one.unread:
                table.begin_stepping(one)
                one.add(Token(number))
        elif action == "step":
            memory.make(table)
            for one in table.stepping:
                memory.read(one, 1)
                one.add(Token(number))
        elif action == "release" and live:
            table.release(live.pop(number % len(live)))
        elif action == "lose":
            for one in table.clear():
                live.remove(one)
        memory.make(table)
        assert [one.slot for one in table.stepping] == list(range(table.num_stepping))
        assert all(memory.holds(one) for one in live)
        assert len(table) == len(live)
        for one in table.known:
            assert tuple(memory.slots[one.slot][: len(one.ids)]) == one.ids
