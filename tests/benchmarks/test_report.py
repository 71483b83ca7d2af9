"""The table, from a few figures."""

from typing import Any

import pytest

from benchmarks.alone import growth
from benchmarks.report import HEAD, number, spread, text, values
from benchmarks.targets import TARGETS, best_of

MACHINE = {"cpu": "Test CPU", "instructions": "avx2", "cores": 2, "onnxruntime": "1.2.3"}
HOW = {"measured": "2026-01-02T03:04+00:00", "seconds": 4.0, "machine": MACHINE}


def closed(throughput: float, errors: int = 0) -> dict[str, Any]:
    return {"throughput": throughput, "p50_ms": 64_000 / throughput, "p99_ms": 1.0, "errors": errors}


def mixed(ours: float, fastapi: float, mosec: float, raw: float) -> dict[str, Any]:
    return {
        "raw": {"sorted by length": {"throughput": raw, "batch_size": 8}},
        "ours": {"c=64": closed(ours)},
        "fastapi": {"c=64": closed(fastapi, errors=3)},
        "mosec": {"c=64": closed(mosec)},
        "bentoml": {"failed": "no answer in 60 s"},
    }


RESULTS: dict[str, Any] = {
    "mixed": {**HOW, "rounds": [mixed(90, 60, 20, 100), mixed(80, 80, 25, 100), mixed(99, 66, 20, 110)]},
    "overload": {
        **HOW,
        "rounds": [
            {
                "ours": {
                    "2 of its own saturation": {
                        "saturation": 90.0,
                        "goodput_share": 0.97,
                        "refusal_max_ms": 31.0,
                        "late": 0,
                        "unanswered": 0,
                    }
                }
            }
        ],
    },
}


def cells(first: str) -> dict[str, str]:
    line = next(line for line in text(RESULTS).splitlines() if line.startswith(f"| {first}"))
    return dict(zip(HEAD, line.strip("| ").split(" | "), strict=True))


def test_a_row_holds_medians_ranges_and_the_best_peer() -> None:
    found = cells("mixed texts, fp32: c=64")
    assert found["raw loop"] == "100 [100–110] (sorted by length, batch 8)"
    assert found["ours"] == "90.0 [80.0–99.0], p50 711 ms"
    assert found["best peer"] == "fastapi 66.0 [60.0–80.0]"
    assert found["fastapi"].endswith("9 errors")
    assert found["litserve"] == "–"


def test_ratios_are_medians_of_the_ratios_of_each_round() -> None:
    found = cells("mixed texts, fp32: c=64")
    assert found["ratio"].split("<br>") == ["1.50 [1.00–1.50]", "4.50 [3.20–4.95]", "0.90 [0.80–0.90]"]
    assert found["reached"].split("<br>") == ["yes", "yes", "**no**"]


def test_a_peer_that_failed_is_named_with_its_reason() -> None:
    assert cells("mixed texts, fp32: c=64")["bentoml"] == "failed"
    assert "- mixed: bentoml failed: no answer in 60 s" in text(RESULTS)


def test_targets_of_our_figures_alone() -> None:
    found = cells("mixed texts, fp32, arrivals at random, deadline 500 ms: 2 of its own saturation")
    assert found["ratio"] == "0.97<br>31.0<br>0.00"
    assert found["reached"] == "yes<br>**no**<br>yes"


def test_a_figure_that_was_not_measured_judges_nothing() -> None:
    served = next(target for target in TARGETS if target.scenario == "mixed-served")
    assert values(RESULTS, served) == []


def test_it_says_where_and_when() -> None:
    line = "**Test CPU, avx2, 2 cores; onnxruntime 1.2.3**: mixed (2026-01-02 03:04 UTC, 3 rounds, 4 s a load)"
    assert line in text(RESULTS)


@pytest.mark.parametrize(("value", "printed"), [(0.925, "0.93"), (-0.981, "-0.98"), (12.34, "12.3"), (2224.0, "2224")])
def test_numbers_have_three_digits(value: float, printed: str) -> None:
    assert number(value) == printed


def test_one_round_has_no_range() -> None:
    assert spread([1.5]) == "1.50"


def test_the_best_peer_in_latency_is_who_answers_most() -> None:
    """Not who has little to do because it can do little."""
    slow = {"saturation": 20.0, "p99_ms": 50.0}
    fast = {"saturation": 70.0, "p99_ms": 120.0}
    found = {"ray": {"case": slow}, "mosec": {"case": fast}}
    assert best_of(found, ("ray", "mosec"), ("case",), "p99_ms", "saturation") == ("mosec", 120.0)
    assert best_of(found, ("ray", "mosec"), ("case",), "p99_ms") == ("ray", 50.0)
    assert best_of(found, ("bentoml",), ("case",), "p99_ms") is None


def test_growth_compares_the_last_tenth_with_the_second() -> None:
    samples = [(i, 100.0 if i < 20 else 105.0 if i >= 90 else 300.0) for i in range(0, 101, 2)]
    assert growth(samples) == pytest.approx(0.05)
