"""Networks that see, as they are written as graphs: from pixels to scores."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.importing.image_processor import Levels

UNCHECKED = "TRANSFORMERS_DISABLE_TORCH_CHECK"  # read by transformers at each check


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


class Segmented(nn.Module):
    """Pixels, uint8 [batch, height, width, 3], to scores of classes, fp32 [batch, classes, rows, columns]."""

    def __init__(self, network: Any, levels: Levels) -> None:
        super().__init__()
        self.network, self.numbers = network, Numbers(levels)
        self.eval()

    def forward(self, image: Tensor) -> Any:
        return self.network(pixel_values=self.numbers(image)).logits


class Detected(Segmented):
    """The same to scores, fp32 [batch, boxes, classes], and to boxes, fp32 [batch, boxes, 4]."""

    def forward(self, image: Tensor) -> Any:
        found = self.network(pixel_values=self.numbers(image))
        return found.logits, found.pred_boxes


@contextmanager
def exportable(network: Any) -> Iterator[None]:
    """Meanwhile RT-DETR and its kin do without what the exporter cannot write.

    They ask for `len` of a tensor, of which it makes a constant, and check sizes of tensors, for which it has no
    operator.
    """
    names = vars(sys.modules[type(network).__module__])
    names["len"] = lambda one: one.shape[0] if isinstance(one, Tensor) else len(one)
    before = os.environ.get(UNCHECKED)
    os.environ[UNCHECKED] = "1"
    try:
        yield
    finally:
        del names["len"], os.environ[UNCHECKED]
        if before is not None:
            os.environ[UNCHECKED] = before
