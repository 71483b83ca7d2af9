import pytest

from app.serving.curve import LatencyCurve, measure


def test_points_are_met_and_between_them_it_is_linear():
    curve = LatencyCurve({(1, 10): 1.0, (4, 10): 2.5, (1, 20): 2.0, (4, 20): 5.0})
    assert curve.seconds(1, 10) == 1.0
    assert curve.seconds(2, 10) == pytest.approx(1.5)
    assert curve.seconds(1, 15) == pytest.approx(1.5)
    assert curve.seconds(4, 15) == pytest.approx(3.75)


def test_beyond_the_edge_cost_grows_in_proportion():
    curve = LatencyCurve({(1, 10): 1.0, (4, 10): 2.0})
    assert curve.seconds(8, 10) == pytest.approx(4.0)
    assert curve.seconds(1, 30) == pytest.approx(3.0)
    assert curve.seconds(1, 5) == 1.0


def test_the_best_batch_is_the_one_whose_rows_are_cheapest():
    curve = LatencyCurve({(1, 1): 1.0, (2, 1): 1.2, (4, 1): 6.0})
    assert curve.best_batch_size(1) == 2
    assert curve.row_seconds(1) == pytest.approx(0.6)


class Machine:
    """A clock that the work moves on."""

    def __init__(self, seconds):
        self.now, self.seconds, self.ran = 0.0, seconds, []

    def clock(self):
        return self.now

    def run(self, rows, length):
        self.ran.append((rows, length))
        self.now += self.seconds(rows, length)


def test_sizes_double_until_a_row_gets_no_cheaper_twice():
    machine = Machine(lambda rows, length: 0.001 * (1 if rows <= 4 else rows))
    curve = measure(machine.run, (1,), 64, budget_s=10, clock=machine.clock)
    assert {rows for rows, _ in machine.ran} == {1, 2, 4, 8, 16}
    assert curve.best_batch_size(1) == 4


def test_the_budget_is_kept_and_every_length_has_a_point():
    machine = Machine(lambda rows, length: 0.01 * rows * length)
    curve = measure(machine.run, (8, 16, 24, 32, 64, 128, 256), 32, budget_s=1.0, clock=machine.clock)
    assert {length for _, length in machine.ran} >= {8, 256}
    assert machine.now < 8
    assert curve.seconds(1, 256) == pytest.approx(2.56)


def test_the_fastest_of_the_repeats_counts():
    delays = iter([0.5, 0.001, 0.3])
    machine = Machine(lambda rows, length: next(delays))
    assert measure(machine.run, (1,), 1, budget_s=10, clock=machine.clock).seconds(1, 1) == pytest.approx(0.001)
