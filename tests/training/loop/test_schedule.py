from pathlib import Path

import pytest
from line_recipe import Line, loader

from training.loop.fit import fit
from training.loop.schedule import WARM_UP, learning_rate_at
from training.recipe import FULL_PRECISION, Run


def test_the_learning_rate_rises_and_then_falls_to_nothing() -> None:
    assert learning_rate_at(0) < 0.05
    assert learning_rate_at(WARM_UP) == pytest.approx(1, abs=0.02)
    assert learning_rate_at(0.5) == pytest.approx(0.5)
    assert learning_rate_at(1) == 0


@pytest.mark.parametrize("precision", [FULL_PRECISION, "bf16-mixed"])
def test_it_learns_with_clipped_gradients_in_every_precision(precision: str, tmp_path: Path) -> None:
    curve = fit(Line(), loader(), Run(tmp_path, precision=precision), epochs=20, clip=1.0)
    assert curve.rows[-1]["loss"] < 0.1 * curve.rows[0]["loss"]
