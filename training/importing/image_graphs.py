"""Networks that see, as they are written as graphs: from pixels to scores."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.importing.image_processor import Levels


class Numbers(nn.Module):
    """Pixels, uint8 [batch, height, width, 3], to what a network reads of them, fp32 [batch, 3, height, width]."""

    scale: Tensor
    shift: Tensor

    def __init__(self, levels: Levels) -> None:
        super().__init__()
        self.is_bgr = levels.is_bgr
        self.register_buffer("scale", torch.from_numpy(levels.scale.astype(np.float32)))
        self.register_buffer("shift", torch.from_numpy(levels.shift.astype(np.float32)))

    def forward(self, image: Tensor) -> Tensor:
        numbers = (image.float() * self.scale + self.shift).permute(0, 3, 1, 2)
        return numbers.flip(1) if self.is_bgr else numbers


class Classified(nn.Module):
    """Pixels, uint8 [batch, height, width, 3], to probabilities, fp32 [batch, labels].

    `is_one_of_many`: one label is right, so they add up to one; otherwise each is by itself.
    """

    def __init__(self, network: Any, levels: Levels, *, is_one_of_many: bool) -> None:
        super().__init__()
        self.network, self.numbers, self.is_one_of_many = network, Numbers(levels), is_one_of_many
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network(pixel_values=self.numbers(image)).logits
        return logits.softmax(1) if self.is_one_of_many else logits.sigmoid()
