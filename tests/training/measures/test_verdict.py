import pytest

from app.repository.manifest import Metric
from training.measures.verdict import behind, level, short_of
from training.recipe import Better


def metric(value: float, name: str = "accuracy", **baselines: float) -> Metric:
    return Metric(name=name, value=value, dataset="d", split="s", baselines=baselines)


@pytest.mark.parametrize(
    ("found", "better", "says"),
    [
        pytest.param(metric(0.7, knn=0.6, linear=0.65), "more", [], id="ahead of all"),
        pytest.param(
            metric(0.7, knn=0.8, linear=0.75), "more", ["accuracy is 0.7, and knn has 0.8"], id="behind the best"
        ),
        pytest.param(metric(0.7, knn=0.8), "less", [], id="ahead where less is better"),
        pytest.param(metric(0.9, knn=0.8), "less", ["accuracy is 0.9, and knn has 0.8"], id="behind where less is"),
        pytest.param(metric(0.7, knn=0.7), "more", [], id="as good as a baseline that has learned"),
        pytest.param(
            metric(0.7, knn=0.6, **{"majority class": 0.7}),
            "more",
            ["accuracy is 0.7, and so is that of majority class"],
            id="as good as the majority",
        ),
        pytest.param(metric(0.7), "more", [], id="beside nothing"),
    ],
)
def test_what_is_behind_the_best_baseline_is_said(found: Metric, better: Better, says: list[str]) -> None:
    assert behind([found], {"accuracy": better}) == says


def test_figures_that_need_not_lead_are_not_compared() -> None:
    assert behind([metric(0.7, "speed", knn=0.8)], {"accuracy": "more"}) == []
    assert behind([metric(0.7, teacher=0.8, knn=0.6)], {"accuracy": "more"}, ["teacher"]) == []


def test_what_is_level_with_the_best_baseline_is_said() -> None:
    assert level([metric(0.7, knn=0.7)], {"accuracy": "more"}) == ["accuracy is 0.7, and knn has as much"]
    assert level([metric(0.7, knn=0.6)], {"accuracy": "more"}) == []


def test_what_is_short_of_its_mark_is_said() -> None:
    assert short_of([metric(0.7)], {"accuracy": 0.9}) == ["accuracy is 0.7000 and must be 0.9000 (0.2000 short)"]
    assert short_of([metric(0.9)], {"accuracy": 0.9}) == []
