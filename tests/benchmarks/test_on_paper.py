import math
from random import Random

import pytest

from benchmarks.on_paper.__main__ import PAGE, replaced
from benchmarks.on_paper.fleet import Outcome, Work, arrivals, pods_of, served
from benchmarks.on_paper.scaling import Autoscaler, share_of_cores
from benchmarks.on_paper.tables import ZONES, kinds, pods_for, sizes

SECOND = Work(1.0)


def at(*times: float) -> list[float]:
    return list(times)


def answered(pods: int, cores: int, times: list[float], **terms: object) -> Outcome:
    return served(pods_of(pods, cores), iter(times), SECOND, Random(0), **terms)  # type: ignore[arg-type]


def test_a_line_of_one_core_answers_in_turn() -> None:
    assert answered(1, 1, at(0, 0.5, 0.5)).latencies == pytest.approx([1.0, 1.5, 2.5])


def test_two_cores_share_a_line() -> None:
    assert answered(1, 2, at(0, 0, 0.5)).latencies == pytest.approx([1.0, 1.0, 1.5])


def test_the_less_busy_of_two_pods_is_asked() -> None:
    assert max(answered(2, 1, at(0, 0.1, 2, 2.1, 4, 4.1)).latencies) <= 2.0


def test_whoever_would_wait_too_long_is_refused() -> None:
    outcome = answered(1, 1, at(0, 0, 0), deadline_s=1.5)
    assert outcome.latencies == pytest.approx([1.0, 2.0])
    assert outcome.refused_at == [0]


def test_the_mean_wait_is_that_of_the_formula_for_equal_work() -> None:
    # Of random arrivals at a line where each takes as long: fill / 2 (1 - fill), Pollaczek and Khinchine.
    chance, fill = Random(1), 0.7
    outcome = served(pods_of(1, 1), arrivals(lambda now: fill, fill, 100_000, chance), SECOND, chance)
    waited = sum(outcome.latencies) / len(outcome.latencies) - 1
    assert waited == pytest.approx(fill / (2 * (1 - fill)), rel=0.05)


def test_work_has_the_mean_that_it_says() -> None:
    chance, work = Random(2), Work(2.0, 0.5)
    assert sum(work.drawn(chance) for _ in range(20_000)) / 20_000 == pytest.approx(2.0, rel=0.02)


@pytest.mark.parametrize(("is_retried", "answers", "lost"), [(True, 4, 0), (False, 3, 1)])
def test_a_dead_pod_loses_what_is_in_it_unless_it_is_sent_again(is_retried: bool, answers: int, lost: int) -> None:
    outcome = answered(2, 1, at(0, 0, 0.5, 0.6), balancing="in turn", dies_at=0.5, is_retried=is_retried)
    assert (len(outcome.latencies), outcome.lost) == (answers, lost)


def test_the_autoscaler_doubles_at_most_and_waits_for_pods_to_start() -> None:
    pods = pods_of(4, 1)
    scale = Autoscaler(pods, lambda pods, now: 10.0, target=1.0, start_s=5.0, most=100)
    scale(14.9)
    scale(15.0)
    assert len(pods) == 4
    scale(20.0)
    assert len(pods) == 8


def test_the_autoscaler_leaves_what_is_near_its_target() -> None:
    pods = pods_of(4, 1)
    for pod in pods:
        pod.take(0, 0, 1000)
    scale = Autoscaler(pods, share_of_cores, target=0.95, start_s=0, most=100)
    scale(15.0)
    scale(16.0)
    assert len(pods) == 4


def test_a_fleet_survives_a_zone() -> None:
    for kind in kinds():
        for rate in (1, 999, 10_000):
            left = pods_for(kind, rate) - math.ceil(pods_for(kind, rate) / ZONES)
            assert left * 2 >= rate * kind.work.mean_s


def test_the_page_has_the_figures_that_the_results_give() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert replaced(page, "sizes", sizes()) == page, "python -m benchmarks.on_paper --write"
