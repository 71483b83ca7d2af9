"""Slots: what lies where, and that every answer finds in its slot what it has read."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from app.generation.beams import Branch
from app.generation.prompt import Beams, Prompt, Token
from app.generation.sampling import chooser_of
from app.serving.scheduler import Turn
from app.serving.shares import Share
from app.serving.slots import LEAST_READ, LEAST_SHARED, Copy, Forget, Slots, Swap
from app.serving.writing import Writing

SHARED = tuple(range(100, 100 + 2 * LEAST_SHARED))


def writing(ids: tuple[int, ...], caller: str = "a", most_new: int = 5, beams: int = 1) -> Writing:
    prompt = Prompt(ids, most_new, beams=Beams(beams))
    return Writing(prompt, Turn(1e9, 0, caller), Share(), 0.0, chooser_of(prompt))


def next_of(one: Writing, number: int) -> Token | Branch:
    """A token, or one for each beam; those that go on lie where they lay."""
    if one.num_rows == 1:
        return Token(number)
    going = range(one.num_rows) if one.beams else [0]
    stays = [row for row in going if row == number % len(going) or (number >> row) % 2]
    parents = [row if row in stays else stays[number % len(stays)] for row in range(one.num_rows)]
    return Branch(tuple(parents), tuple(range(number, number + one.num_rows)))


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

    def step(self, one: Writing) -> None:
        for row in one.rows:
            self.slots[row.slot][one.known :] = row.ids[one.known :]
        one.known = len(one.ids)

    def holds(self, one: Writing) -> bool:
        return all(self.slots[row.slot][: one.known] == row.ids[: one.known] for row in one.rows)


def give(table: Slots, one: Writing, number: int) -> None:
    found = next_of(one, number)
    if isinstance(found, Branch):
        table.branch(one, found.parents)
    one.add(found)


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


def test_beams_have_slots_of_their_own_and_room_for_all_their_tokens() -> None:
    table, memory = Slots(6, 1000), Memory()
    first = begin(table, memory, writing((1, 2, 3)))
    assert not table.has_room(writing((1, 2), most_new=20, beams=6))
    search = writing((4, 5), most_new=20, beams=4)
    assert search.reserved == 4 * 22
    table.admit(search)
    assert not table.has_room(writing((1, 2), beams=2))  # though no beam has a slot yet
    memory.make(table)
    memory.read(search, 2)
    table.begin_stepping(search)
    give(table, search, 1)
    memory.make(table)
    assert (len(table), table.num_rows, table.num_stepping) == (2, 5, 5)
    assert all(map(memory.holds, (first, search)))
    table.release(search)
    memory.make(table)
    assert (len(table), table.num_rows, table.num_stepping, table.known_tokens) == (1, 1, 1, first.known)
    assert sum(map(bool, memory.slots)) == 1


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
            one = writing(tuple(id for part in prompt for id in part), "ab"[number % 2], 99, 1 + number % 3)
            if table.has_room(one):
                table.admit(one)
                live.append(one)
        elif action == "read" and reading:
            one = reading[number % len(reading)]
            memory.make(table)
            memory.read(one, min(one.unread, number + 1))
            if not one.unread:
                table.begin_stepping(one)
                give(table, one, number)
        elif action == "step":
            memory.make(table)
            for one in table.stepping:
                memory.step(one)
            for one in table.stepping:
                give(table, one, number)
        elif action == "release" and live:
            table.release(live.pop(number % len(live)))
        elif action == "lose":
            for one in table.clear():
                live.remove(one)
        memory.make(table)
        assert [row.slot for row in table.rows] == list(range(table.num_stepping))
        assert {row for one in table.stepping for row in one.rows} == {*table.rows}
        assert table.num_rows == sum(one.num_rows for one in live) <= 6
        assert all(memory.holds(one) for one in live)
        assert len(table) == len(live)
        for one in table.known:
            assert tuple(memory.slots[one.slot][: len(one.ids)]) == one.ids
