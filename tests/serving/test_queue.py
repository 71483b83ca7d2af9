import asyncio
import random
import weakref

import pytest

from app.serving.curve import LatencyCurve
from app.serving.queue import RowQueue, Waiting
from app.serving.shares import Share

# Cost in proportion to the padded cells, plus a fixed part that a batch shares.
CELLS = LatencyCurve({(n, length): 0.004 + 0.0001 * n * length for n in (1, 2, 4, 8, 16) for length in (8, 64, 128)})


class Group:
    """Rows of one may share a batch."""


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def waiting(loop, length, turn, group=None, together=1, share=None):
    share = share or Share()
    return Waiting(f"{length}@{turn}", length, group, turn, 0.0, 100.0, loop.create_future(), together, share)


def fill(loop, *lengths, curve=CELLS):
    queue = RowQueue(curve)
    share = queue.shares.of("a caller")
    rows = [waiting(loop, length, turn, share=share) for turn, length in enumerate(lengths)]
    for row in rows:
        queue.push(row)
    return queue, rows


def lengths(batch):
    return sorted(row.length for row in batch)


def test_rows_of_similar_length_go_together(loop):
    queue, _ = fill(loop, 8, 128, 8, 128, 8, 8)
    assert lengths(queue.take(8, {})) == [8, 8, 8, 8]


def test_company_is_worth_its_delay_only_while_others_wait_behind(loop):
    queue, _ = fill(loop, 64, 64)
    assert lengths(queue.take(8, {})) == [64]
    queue, _ = fill(loop, *[64] * 30)
    assert len(queue.take(8, {})) > 4


def test_rows_of_one_request_share_a_batch_where_it_costs_no_more_than_their_turns(loop):
    flat = LatencyCurve({(n, 1): 0.005 * n for n in (1, 2, 4, 8)})
    for together, size in ((1, 1), (8, 8)):
        queue = RowQueue(flat)
        for turn in range(8):
            queue.push(waiting(loop, 1, turn, together=together))
        assert len(queue.take(16, {})) == size
    dear = LatencyCurve({(1, 1): 0.005, (8, 1): 0.060})
    queue = RowQueue(dear)
    for turn in range(8):
        queue.push(waiting(loop, 1, turn, together=8))
    assert len(queue.take(16, {})) == 1


def test_the_oldest_row_leads_every_batch_however_badly_it_fits(loop):
    queue, rows = fill(loop, 128, *[8] * 50)
    assert rows[0] in queue.take(8, {})
    queue, rows = fill(loop, 8, *[128] * 50)
    assert rows[0] in queue.take(8, {})


def test_a_steady_stream_of_others_does_not_starve_an_odd_one(loop):
    queue, rows = fill(loop, *[8] * 20, 128, *[8] * 500)
    odd = rows[20]
    for _ in range(21):
        if odd in queue.take(4, {}):
            return
    pytest.fail("the odd one was passed over")


def test_a_short_row_is_padded_up_when_that_is_cheaper_than_a_batch_of_its_own(loop):
    launch = LatencyCurve({(n, length): 1.0 + 0.001 * length for n in (1, 8) for length in (8, 128)})
    queue, _ = fill(loop, 8, 128, 128, curve=launch)
    assert lengths(queue.take(8, {})) == [8, 128, 128]


def test_groups_never_mix(loop):
    queue = RowQueue(CELLS)
    for turn, group in enumerate("abab"):
        queue.push(waiting(loop, 8, turn, group))
    assert {row.group for row in queue.take(8, {})} == {"a"}
    assert {row.group for row in queue.take(8, {})} == {"b"}
    assert queue.take(8, {}) == []


def test_a_batch_keeps_to_the_largest_size_and_to_the_memory_that_is_known_to_suffice(loop):
    queue, _ = fill(loop, *[64] * 20)
    assert len(queue.take(5, {})) == 5
    assert len(queue.take(16, {None: 64 * 3})) == 3
    assert len(queue.take(16, {None: 1})) == 1


def test_discarded_rows_are_not_taken_and_leave_nothing_behind(loop):
    queue, rows = fill(loop, 8, 8, 64)
    assert queue.discard(rows[0])
    assert not queue.discard(rows[0])
    assert len(queue) == 2
    assert queue.take(8, {}) == [rows[1]]
    assert queue.discard(rows[2])
    assert queue.take(8, {}) == []
    assert queue.seconds == 0


def test_groups_that_nobody_waits_in_are_forgotten(loop):
    queue, seen = RowQueue(CELLS), weakref.WeakSet()
    for turn in range(500):
        group = Group()
        seen.add(group)
        queue.push(waiting(loop, 8, turn, group=group))
        assert len(queue.take(8, {})) == 1
    assert len(seen) < 50


def test_every_row_is_taken_exactly_once_whatever_the_order(loop):
    rng = random.Random(0)
    queue, rows = fill(loop, *[rng.choice([8, 16, 64, 128]) for _ in range(300)])
    gone = set(rng.sample(rows, 60))
    for row in gone:
        queue.discard(row)
    taken = []
    while batch := queue.take(8, {}):
        taken += batch
    assert len(taken) == len(set(taken)) == 240
    assert not gone & set(taken)


def test_batches_come_near_to_the_work_of_length_sorted_ones(loop):
    rng = random.Random(1)
    mixed = [rng.choice([8, 16, 24, 32, 48, 64, 96, 128]) for _ in range(64)]

    def cost(batches):
        return sum(CELLS.seconds(len(batch), max(batch)) for batch in batches)

    queue, _ = fill(loop, *mixed)
    ours = []
    while batch := queue.take(8, {}):
        ours.append([row.length for row in batch])
    in_order = sorted(mixed)
    by_length = [in_order[i : i + 8] for i in range(0, 64, 8)]
    as_they_came = [mixed[i : i + 8] for i in range(0, 64, 8)]
    assert cost(ours) < 1.15 * cost(by_length)
    assert cost(ours) < 0.85 * cost(as_they_came)


def test_what_was_discarded_is_dropped_though_its_turn_is_far_off(loop):
    queue, seen = RowQueue(CELLS), weakref.WeakSet()
    queue.push(waiting(loop, 8, 0))
    for turn in range(1, 1000):
        row = waiting(loop, 8, turn)
        row.row = Group()  # something whose end can be seen
        seen.add(row.row)
        queue.push(row)
        queue.discard(row)
    assert len(seen) < 100
    assert len(queue.take(8, {})) == 1


def test_only_rows_whose_turn_comes_first_are_counted_as_before(loop):
    queue, (row, *_) = fill(loop, *[8] * 10)
    assert queue.seconds_before(4, row.share) == pytest.approx(4 * CELLS.row_seconds(8))
    assert queue.seconds_before(100, row.share) == pytest.approx(queue.seconds)


def test_nobody_joins_who_would_make_the_first_late(loop):
    launch = LatencyCurve({(n, 8): 1.0 + 0.1 * n for n in (1, 8)})
    queue, _ = fill(loop, *[8] * 8, curve=launch)
    assert len(queue.take(8, {}, lambda deadline: 1.45)) == 4
    assert len(queue.take(8, {}, lambda deadline: 0.0)) == 1
    assert len(queue.take(8, {}, lambda deadline: 100.0)) == 3
