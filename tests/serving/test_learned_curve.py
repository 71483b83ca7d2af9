import random
from math import log

import pytest

from app.serving.curve import LatencyCurve
from app.serving.learned_curve import PAUSE, LearnedCurve

LENGTHS, ROWS = (8, 16, 32, 64), (1, 2, 4, 8)


def truth(rows, length):
    return 0.001 + 0.0001 * rows * length


def measured(busy=lambda rows, length: 1.0):
    return LatencyCurve(
        {(rows, length): truth(rows, length) * busy(rows, length) for rows in ROWS for length in LENGTHS}
    )


def told(curve, cells, times=1.0, spread=0.0, repeats=64):
    rng = random.Random(1)
    for _ in range(repeats):
        for rows, length in cells:
            seconds = truth(rows, length) * times * (1 + spread * rng.random())
            curve.learn(rows, length, 2 * seconds, seconds)
    return curve


def test_it_begins_as_it_was_measured_and_stays_so_where_that_is_right():
    curve = LearnedCurve(measured(), most_rows=8)
    assert curve.points == measured().points
    told(curve, [(4, 16), (1, 8), (8, 64)])
    for rows in ROWS:
        for length in LENGTHS:
            assert curve.seconds(rows, length) == pytest.approx(2 * truth(rows, length), rel=0.7)  # of wall time here
    by_processor = told(LearnedCurve(measured(), most_rows=8, by_processor=True), [(4, 16), (1, 8), (8, 64)])
    for rows in ROWS:
        for length in LENGTHS:
            assert by_processor.seconds(rows, length) == pytest.approx(truth(rows, length), rel=0.01)


def test_a_cell_that_was_measured_beside_others_is_corrected_without_the_rest():
    curve = LearnedCurve(measured(lambda *cell: 4.0 if cell == (4, 16) else 1.0), most_rows=8, by_processor=True)
    told(curve, [(rows, length) for rows in (1, 2, 4) for length in LENGTHS], spread=0.1)
    assert curve.seconds(4, 16) == pytest.approx(truth(4, 16), rel=0.2)
    assert curve.seconds(2, 16) == pytest.approx(truth(2, 16), rel=0.2)


def test_what_no_batch_was_seen_of_is_corrected_as_its_neighbours_are():
    curve = LearnedCurve(measured(lambda *_: 3.0), most_rows=8, by_processor=True)
    told(curve, [(rows, length) for rows in (1, 2, 4) for length in (8, 16)])
    assert truth(8, 16) < curve.seconds(8, 16) < 2 * truth(8, 16)
    assert curve.seconds(8, 64) < 3 * truth(8, 64)


def test_of_a_plan_that_is_doubted_a_size_that_was_disturbed_is_tried_again():
    """Batches of eight rows seemed so slow that none would ever be made, and nothing be learned of them."""
    busy = measured(lambda rows, length: 5.0 if rows == 8 else 1.0)
    doubted, sure = (LearnedCurve(busy, most_rows=8, is_sure=sure, by_processor=True) for sure in (False, True))
    for curve in (doubted, sure):
        told(curve, [(4, 16)])
    assert doubted.seconds(8, 16) <= 2.01 * doubted.seconds(4, 16)
    assert doubted.seconds(8, 20) <= 2.01 * doubted.seconds(4, 20)  # between two lengths, of which one was seen
    assert sure.seconds(8, 16) > 3 * truth(8, 16)
    told(doubted, [(8, 16)], repeats=3)
    told(doubted, [(4, 16)], repeats=PAUSE - 3)
    assert doubted.seconds(8, 16) == pytest.approx(truth(8, 16), rel=0.1)


def test_one_batch_says_little_and_none_says_more_than_the_bound():
    curve = told(LearnedCurve(measured(), most_rows=8, is_sure=True, by_processor=True), [(4, 16)])
    before = curve.seconds(4, 16)
    curve.learn(4, 16, 900.0, 900.0)
    told(curve, [(1, 8)], repeats=PAUSE)
    assert before <= curve.seconds(4, 16) < 1.1 * before
    for _ in range(500):
        curve.learn(4, 16, 900.0, 900.0)
        curve.learn(2, 16, 1e-9, 1e-9)
    assert curve.seconds(4, 16) <= 8.1 * truth(4, 16)
    assert curve.seconds(2, 16) >= truth(2, 16) / 8.1


def test_nothing_takes_less_than_what_is_smaller():
    rng = random.Random(2)
    curve = LearnedCurve(measured(), most_rows=16, by_processor=True)
    for _ in range(400):
        rows, length = rng.choice(ROWS), rng.choice(LENGTHS)
        curve.learn(rows, length, 1.0, truth(rows, length) * rng.lognormvariate(0, log(3)))
    grid = [[curve.seconds(rows, length) for rows in (1, 2, 4, 8, 16)] for length in LENGTHS]
    assert all(row == sorted(row) for row in grid)
    assert all(list(column) == sorted(column) for column in zip(*grid, strict=True))


def test_rows_and_lengths_between_and_beyond_the_cells_are_learned_from():
    curve = LearnedCurve(measured(lambda *_: 2.0), most_rows=8, by_processor=True)
    told(curve, [(3, 20), (7, 100), (5, 1)])
    assert curve.learned == 3 * 64
    assert curve.seconds(3, 20) == pytest.approx(truth(3, 20), rel=0.25)


def test_what_took_no_time_says_nothing():
    curve = LearnedCurve(measured(), most_rows=8, by_processor=True)
    for _ in range(PAUSE):
        curve.learn(1, 8, 1.0, 0.0)
    assert curve.points == measured().points


def test_rows_of_no_length_and_clocks_that_count_in_ticks_do_no_harm():
    curve = LearnedCurve(measured(), most_rows=8, is_sure=True, by_processor=True)
    for _ in range(PAUSE):
        curve.learn(1, 0, truth(1, 8), 0.01)  # a tick, of a batch that took a tenth of it
    assert curve.seconds(1, 0) == pytest.approx(truth(1, 8))
