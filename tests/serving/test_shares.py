"""Properties of sharing, whatever callers ask and in whatever order."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.serving.curve import LatencyCurve
from app.serving.queue import RowQueue, Waiting
from app.serving.shares import HEAVY_S, LEAST_KEPT, LONG_S, QUANTUM_S, Line, Share, Shares, new_ticket

SECONDS = {1: 0.001, 2: 0.004, 3: 0.016, 4: 0.064}
CURVE = LatencyCurve({(rows, length): 0.002 + 0.8 * rows * cost for length, cost in SECONDS.items() for rows in (1, 8)})

callers = st.integers(0, 4)
lengths = st.sampled_from(sorted(SECONDS))
asked = st.lists(st.tuples(callers, lengths), min_size=1, max_size=80)


def row(queue: RowQueue[Any, Any], caller: int, length: int, turn: float) -> Waiting[Any, Any]:
    never: Any = None
    return Waiting((caller, turn), length, None, turn, 0.0, 1e9, never, 1, queue.shares.of(caller))


def filled(asked: list[tuple[int, int]]) -> tuple[RowQueue[Any, Any], list[Waiting[Any, Any]]]:
    queue: RowQueue[Any, Any] = RowQueue(CURVE)
    rows = [row(queue, caller, length, turn) for turn, (caller, length) in enumerate(asked)]
    for one in rows:
        queue.push(one)
    return queue, rows


def run(queue: RowQueue[Any, Any], max_batch_size: int) -> list[Waiting[Any, Any]]:
    batch = queue.take(max_batch_size, {})
    if batch:
        queue.ended(batch, CURVE.seconds(len(batch), max(one.length for one in batch)))
    return batch


@given(asked, st.integers(1, 8))
def test_while_anything_waits_something_is_taken_and_everything_exactly_once(asked, max_batch_size):
    queue, rows = filled(asked)
    taken = []
    while len(queue):
        batch = run(queue, max_batch_size)
        assert batch
        taken += batch
    assert sorted(map(id, taken)) == sorted(map(id, rows))
    assert queue.take(1, {}) == []
    assert all(one.share.wants_s == pytest.approx(0, abs=1e-9) for one in rows)


@given(asked, st.integers(1, 8))
def test_what_one_caller_asks_alike_is_taken_in_its_order(asked, max_batch_size):
    queue, _ = filled(asked)
    turns = defaultdict(list)
    while len(queue):
        for one in run(queue, max_batch_size):
            turns[one.share, one.length].append(one.turn)
    assert all(each == sorted(each) for each in turns.values())


@given(st.lists(st.tuples(lengths, st.integers(1, 30)), min_size=2, max_size=5))
def test_callers_who_all_want_more_have_had_the_same_at_any_time(kinds):
    queue: RowQueue[Any, Any] = RowQueue(CURVE)
    had: dict[int, float] = dict.fromkeys(range(len(kinds)), 0.0)

    def ask(caller: int, turn: float) -> None:
        queue.push(row(queue, caller, kinds[caller][0], turn))

    for caller, (_, number) in enumerate(kinds):
        for _ in range(number):
            ask(caller, 0.0)
    for step in range(300):
        for one in run(queue, 1):
            caller = one.row[0]
            had[caller] += CURVE.seconds(1, one.length)
            ask(caller, step + 1.0)  # each answer brings the next question
    bound = QUANTUM_S + CURVE.seconds(1, max(kinds)[0])
    assert max(had.values()) - min(had.values()) <= bound + 1e-6


@given(asked, lengths)
def test_who_comes_back_waits_for_one_turn_of_each_other_whatever_their_backlog(asked, length):
    queue, _ = filled([(caller, kind) for caller, kind in asked for _ in range(5)])
    for _ in range(20):
        run(queue, 1)
    queue.push(row(queue, 99, length, 1e6))  # its turn would be the last of all
    before = 0.0
    while (batch := run(queue, 1)) and batch[0].row[0] != 99:
        before += CURVE.seconds(1, batch[0].length)
    assert before <= 5 * (QUANTUM_S + CURVE.seconds(1, max(SECONDS)))


@given(st.integers(1, 50), st.integers(1, 50))
def test_what_weighs_more_is_served_less_and_never_not_at_all(fore, back):
    shares, line = Shares(), Line[Any]()
    for number, weight in ((fore, 1.0), (back, 8.0)):
        for turn in range(number):
            one = Something(shares.of("caller", weight), float(turn), new_ticket())
            shares.waits(one.share, 0.01)
            line.push(one)
    had = {1.0: 0, 8.0: 0}
    for _ in range(fore + back):
        one = line.first()
        one.ticket = 0
        shares.leads(one.share)
        shares.waits_no_more(one.share, 0.01)
        shares.starts(one.share, 0.01)
        had[one.share.weight] += 1
        if one.share.weight == 1.0:
            assert had[8.0] <= 2 + had[1.0] / 8  # and a quantum is ten rows
    assert had == {1.0: fore, 8.0: back}


@dataclass(eq=False)
class Something:
    share: Share
    turn: float
    ticket: int


@given(asked, st.sets(callers))
def test_of_those_who_may_the_first_is_whose_turn_it_would_be_without_the_others(asked, those):
    queue, rows = filled(asked)
    shares = {queue.shares.of(caller) for caller in those}
    only, _ = filled([(caller, length) for caller, length in asked if caller in those])
    taken = [one.row[0] for one in queue.take(1, {}, may=shares.__contains__)]
    assert taken == [one.row[0] for one in only.take(1, {})]
    assert len(queue) == len(rows) - len(taken)


def test_who_is_let_ahead_after_having_had_much_does_not_set_the_time_for_who_comes_back():
    queue: RowQueue[Any, Any] = RowQueue(CURVE)
    for caller in ("much", "flood"):
        queue.push(row(queue, caller, 4, 0.0))
        queue.push(row(queue, caller, 4, 1.0))
    much = {queue.shares.of("much")}
    queue.ended(queue.take(1, {}, may=much.__contains__), 100.0)
    queue.take(1, {}, may=much.__contains__)
    queue.push(row(queue, "newcomer", 4, 2.0))
    assert queue.shares.of("newcomer").had <= queue.shares.of("flood").had


def test_nobody_is_light_beside_himself_or_beside_little():
    shares = Shares()
    little, much, background = shares.of("little"), shares.of("much"), shares.of("much", 8.0)
    shares.waits(little, 0.01)
    shares.waits(much, 0.02)
    assert not little.is_light_beside(much)
    for _ in range(10):
        shares.waits(much, 0.02)
    assert much.wants_s > HEAVY_S
    assert little.is_light_beside(much)
    assert not much.is_light_beside(little)
    assert not much.is_light_beside(much)
    assert much.is_light_beside(background)
    assert not background.is_light_beside(much)
    assert shares.of("third").is_light_beside(little, has_run_s=1.0)


def test_equals_do_not_avoid_each_others_runs_before_these_are_long():
    shares = Shares()
    one, other = shares.of("one"), shares.of("other")
    for share in (one, other):
        shares.waits(share, 0.002)
    assert not one.is_light_beside(other, has_run_s=0.9 * LONG_S)
    assert one.is_light_beside(other, has_run_s=LONG_S)


def test_some_batches_of_short_texts_are_much():
    shares = Shares()
    one, flood = shares.of("one"), shares.of("flood")
    shares.waits(one, 0.002)
    shares.waits(flood, 0.2 * HEAVY_S)
    assert not one.is_light_beside(flood)
    shares.waits(flood, 0.8 * HEAVY_S, 100)
    assert one.is_light_beside(flood)


def test_callers_who_want_nothing_are_forgotten():
    shares = Shares()
    busy = shares.of("busy")
    shares.waits(busy, 1.0)
    for i in range(100 * LEAST_KEPT):
        one = shares.of(i)
        shares.waits(one, 0.01)
        shares.waits_no_more(one, 0.01)
    assert len(shares) <= 2 * LEAST_KEPT
    assert shares.of("busy") is busy


def test_the_estimate_counts_what_others_will_be_given_meanwhile_and_no_more():
    shares = Shares()
    much, little = shares.of("much"), shares.of("little")
    for _ in range(100):
        shares.waits(much, 0.1)
    assert shares.seconds_before(little, 0.1) <= 0.1 + QUANTUM_S
    shares.waits(little, 0.1)
    assert shares.seconds_before(much, much.waiting_s) == pytest.approx(0.1)
