from pathlib import Path

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
