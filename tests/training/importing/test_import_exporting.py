"""A network that cannot become a graph: it is said which step failed, and why."""

from pathlib import Path

import numpy as np
import pytest
from torch import Tensor, nn

from training.errors import TrainingError
from training.importing.exporting import written

PIXELS = {"image": np.ones((2, 4), np.float32)}


class Undecided(nn.Module):
    """Its answer is made in one of two ways, by the sum of what it is given: no graph can hold that."""

    def forward(self, image: Tensor) -> Tensor:
        return image if image.sum() > 0 else -image


class Broken(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return nn.functional.linear(image, image.new_ones(3, 5))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Undecided(), "torch's exporter cannot write it as a graph: Could not guard on data-dependent expression"),
        (Broken(), "transformers itself cannot compute it: mat1 and mat2 shapes cannot be multiplied"),
    ],
)
def test_the_step_that_failed_is_told_with_its_reason(module: nn.Module, message: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        written(module, PIXELS, tmp_path / "model.onnx", ["answer"])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
