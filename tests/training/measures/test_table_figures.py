import numpy as np
import pytest

from training.measures.tables import figures, losses, quality, reach_of

TOLD = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.5, 0.5]])
TRUTH = np.array([0, 1, 1, 0])


def test_the_loss_of_a_row_is_the_logarithm_of_what_its_truth_was_given() -> None:
    assert losses(TOLD, TRUTH) == pytest.approx(-np.log([0.9, 0.8, 0.4, 0.5]))
    assert np.isfinite(losses(np.array([[1.0, 0.0]]), np.array([1]))).all()


def test_the_loss_of_a_number_is_its_error_squared() -> None:
    assert losses(np.array([1.0, 4.0]), np.array([2.0, 1.0])).tolist() == [1, 9]


def test_classes_have_these_figures_beside_those_of_others() -> None:
    others = {"nothing": np.full((4, 2), 0.5)}
    found = {metric.name: metric for metric in quality(TOLD, others, TRUTH, "made up", "test")}
    assert found["accuracy"].value == 0.75
    assert found["accuracy"].baselines == {"nothing": 0.5}
    assert found["log_loss"].baselines["nothing"] == pytest.approx(np.log(2))
    assert found["roc_auc"].value == 0.75
    assert [figure.name for figure in figures(TOLD, others, TRUTH)] == ["log_loss", "accuracy"]


def test_a_class_that_the_test_lacks_has_no_area() -> None:
    told = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1]])
    (area,) = [one.value for one in quality(told, {}, np.array([0, 1]), "", "test") if one.name == "roc_auc"]
    assert area == 1


def test_numbers_have_these_figures() -> None:
    told, truth = np.array([1.0, 4.0]), np.array([2.0, 1.0])
    assert [(one.name, one.value) for one in quality(told, {}, truth, "", "test")] == [
        ("rmse", pytest.approx(5**0.5)),
        ("mae", 2),
    ]


def test_the_reach_covers_that_share_of_rows_of_the_same_kind() -> None:
    random = np.random.default_rng(0)
    known, fresh = random.normal(size=500), random.normal(size=20_000)
    reach = reach_of(np.zeros(500), known, 0.9)
    assert (np.abs(fresh) <= reach).mean() == pytest.approx(0.9, abs=0.03)


def test_the_reach_of_few_rows_is_that_of_the_farthest() -> None:
    assert reach_of(np.zeros(3), np.array([1.0, -5.0, 2.0])) == 5
