import pytest

from app.serving.curve import LatencyCurve


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


def test_what_was_measured_is_not_changed_by_batches():
    curve = LatencyCurve({(1, 1): 1.0})
    curve.learn(1, 1, 5.0, 5.0)
    assert curve.seconds(1, 1) == 1.0
