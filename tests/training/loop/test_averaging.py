from pathlib import Path

import pytest
import torch
from line_recipe import Line, loader

from training.loop.fit import fit
from training.recipe import Run


class WithPositions(Line):
    """Has what BERT has: whole numbers that are not learned, and not in its checkpoints."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("positions", torch.arange(512), persistent=False)


def test_whole_numbers_are_kept_and_not_averaged(tmp_path: Path) -> None:
    module = WithPositions()
    fit(module, loader(), Run(tmp_path), epochs=21, validation=loader(shuffle=False))
    assert torch.equal(module.positions, torch.arange(512))


@pytest.mark.parametrize("precision", ["bf16-true", "64-true"])
def test_what_is_trained_in_another_type_is_left_in_its_own(precision: str, tmp_path: Path) -> None:
    module = Line()
    curve = fit(module, loader(), Run(tmp_path, precision=precision), epochs=4, validation=loader(shuffle=False))
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}
    assert curve.rows[-1]["val_loss"] < curve.rows[0]["val_loss"]
