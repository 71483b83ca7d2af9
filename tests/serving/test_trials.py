import pytest

from app.serving.trials import measure


class Machine:
    """A clock that the work moves on."""

    def __init__(self, seconds):
        self.now, self.seconds, self.ran = 0.0, seconds, []

    def clock(self):
        return self.now

    def run(self, rows, length):
        self.ran.append((rows, length))
        taken = self.seconds(rows, length)
        self.now += taken
        return taken


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
    delays = iter([0.5, 0.3, 0.001, 0.3])
    machine = Machine(lambda rows, length: next(delays))
    assert measure(machine.run, (1,), 1, budget_s=10, clock=machine.clock).seconds(1, 1) == pytest.approx(0.001)


def test_who_disturbs_for_a_while_disturbs_no_batch_each_time():
    def seconds(rows, length):
        return 0.01 * rows * (4 if 0.1 < machine.now < 0.5 else 1)

    machine = Machine(seconds)
    curve = measure(machine.run, (1,), 8, budget_s=100, clock=machine.clock)
    assert [curve.seconds(rows, 1) for rows in (1, 2, 4)] == pytest.approx([0.01, 0.02, 0.04])


def test_what_is_disturbed_each_time_is_tried_again_if_its_neighbours_say_otherwise():
    slow = {(4, 16): 4}  # the first runs of it that are disturbed

    def seconds(rows, length):
        slow[rows, length] = slow.get((rows, length), 0) - 1
        return (0.004 + 0.001 * rows * length / 8) * (9 if slow[rows, length] >= 0 else 1)

    machine = Machine(seconds)
    curve = measure(machine.run, (8, 16), 8, budget_s=100, clock=machine.clock)
    assert curve.seconds(4, 16) == pytest.approx(0.012)


def test_no_batch_takes_longer_than_a_larger_one():
    machine = Machine(lambda rows, length: 0.01 * rows * length * (50 if (rows, length) == (2, 1) else 1))
    curve = measure(machine.run, (1, 8), 4, budget_s=100, clock=machine.clock)
    assert curve.seconds(1, 1) <= curve.seconds(2, 1) <= curve.seconds(4, 1)
    assert curve.seconds(2, 1) <= curve.seconds(2, 8)
