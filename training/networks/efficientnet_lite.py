"""EfficientNet-Lite: small convolutional networks for images that quantize well.

EfficientNet (Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019) is a
stack of inverted residual blocks, made wider and deeper by two factors. The Lite variants of its authors leave out
squeeze-and-excitation, take ReLU6 for swish so that activations have a fixed range, and keep the stem and the head
at one size for all variants.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Scaling:
    """The width and depth of the network, and the side in pixels of the square that it was trained on."""

    width: float
    depth: float
    image_size: int


# Width, depth and image size of the authors' variants.
SCALINGS = {
    "lite0": Scaling(1.0, 1.0, 224),
    "lite1": Scaling(1.0, 1.1, 240),
    "lite2": Scaling(1.1, 1.2, 260),
    "lite3": Scaling(1.2, 1.4, 280),
    "lite4": Scaling(1.4, 1.8, 300),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """Blocks of one kind; only the first of them has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


# Table 1 of the paper; the authors' Lite variants keep it.
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280


class EfficientNetLite(nn.Module):
    """Normalised pixels [batch, 3, side, side] to logits [batch, classes]; `side` is the variant's `image_size`."""

    def __init__(self, scaling: Scaling, num_classes: int = 1000) -> None:
        super().__init__()
        self.stem = ConvNorm(3, STEM_CHANNELS, kernel=3, stride=2, side=scaling.image_size)
        side, channels = self.stem.out_side, STEM_CHANNELS
        blocks: list[InvertedResidual] = []
        for stage in STAGES:
            # The blocks beside stem and head are not repeated more often in deeper variants, as those are fixed.
            is_outer = stage in (STAGES[0], STAGES[-1])
            for i in range(stage.blocks if is_outer else ceil(stage.blocks * scaling.depth)):
                out_channels = scaled_channels(stage.channels, scaling.width)
                stride = stage.stride if i == 0 else 1
                block = InvertedResidual(channels, out_channels, stage.expansion, stage.kernel, stride, side)
                blocks.append(block)
                side, channels = block.out_side, out_channels
        self.blocks = nn.Sequential(*blocks)
        self.head = ConvNorm(channels, HEAD_CHANNELS, kernel=1, side=side)
        self.classifier = nn.Linear(HEAD_CHANNELS, num_classes)

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(pixels))
        return logits

    def features(self, pixels: Tensor) -> Tensor:
        """The vectors that the classifier reads, [batch, HEAD_CHANNELS]."""
        maps: Tensor = F.relu6(self.head(self.blocks(F.relu6(self.stem(pixels)))))
        return maps.mean((2, 3))


class InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, narrow; added to the input where the shapes allow it."""

    def __init__(
        self, in_channels: int, out_channels: int, expansion: int, kernel: int, stride: int, side: int
    ) -> None:
        super().__init__()
        inner = in_channels * expansion
        self.expand = ConvNorm(in_channels, inner, kernel=1, side=side) if expansion > 1 else None
        self.depthwise = ConvNorm(inner, inner, kernel=kernel, stride=stride, groups=inner, side=side)
        self.out_side = self.depthwise.out_side
        self.project = ConvNorm(inner, out_channels, kernel=1, side=self.out_side)
        self.is_residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        wide = x if self.expand is None else F.relu6(self.expand(x))
        narrow: Tensor = self.project(F.relu6(self.depthwise(wide)))
        return x + narrow if self.is_residual else narrow


class ConvNorm(nn.Module):
    """Convolution without bias, then batch normalisation; pads as TensorFlow does, in which the weights were trained.

    There an odd pixel of padding goes to the right and the bottom, so a stride of 2 pads an even `side` unevenly.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel: int, side: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.out_side = ceil(side / stride)
        padding = max(0, (self.out_side - 1) * stride + kernel - side)
        before, after = padding // 2, padding - padding // 2
        self.uneven = None if before == after else (before, after, before, after)
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, stride, 0 if self.uneven else before, groups=groups, bias=False
        )
        self.norm = nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.norm(self.conv(F.pad(x, self.uneven) if self.uneven else x))
        return normalised


def scaled_channels(channels: int, width: float) -> int:
    """The multiple of 8 nearest to `channels` x `width`, or the next one if that would lose more than a tenth."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * scaled else rounded + 8


def load_weights(network: EfficientNetLite, weights: Mapping[str, Tensor]) -> None:
    """Load a state dict whose layers have other names but the order of ours.

    Raises ValueError if it does not have the kinds of tensors that `network` has, one after the other, or one of them
    has another shape.
    """
    ours = network.state_dict()
    if [name.rpartition(".")[2] for name in ours] != [name.rpartition(".")[2] for name in weights]:
        raise ValueError("these are not the weights of such a network: it has other layers, or in another order")
    for (name, tensor), given in zip(ours.items(), weights.values(), strict=True):
        if given.shape != tensor.shape:
            raise ValueError(f"{name} must have the shape {[*tensor.shape]}, and has {[*given.shape]}")
    network.load_state_dict(dict(zip(ours, weights.values(), strict=True)))
