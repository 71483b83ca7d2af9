"""A generative adversarial network of small grey pictures, conditioned on their class.

Papers: Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (2018), for the critic's layers and
the hinge loss; Miyato & Koyama, "cGANs with Projection Discriminator" (2018), for how the critic reads the class; Chen
et al., "On Self Modulation for Generative Adversarial Networks" (2019), for noise and class in every norm; Shi et al.,
"Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network" (2016),
for growing pictures.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

SIDE = 28
SLOPE = 0.1  # of the critic's leaky rectifiers


class Generator(nn.Module):
    """Standard normal `noise` [batch, latent] and `classes` int64 [batch] to pictures [batch, 1, 28, 28], 0 to 1."""

    def __init__(self, num_classes: int, latent: int = 64, width: int = 64) -> None:
        super().__init__()
        self.num_classes, self.latent, self.width = num_classes, latent, width
        about = latent + num_classes
        self.plan = nn.Linear(about, width * (SIDE // 4) ** 2)
        self.norms = nn.ModuleList(ModulatedNorm(channels, about) for channels in (width, width, width // 4))
        self.layers = nn.ModuleList(
            nn.Conv2d(channels, filters, 3, padding=1)
            for channels, filters in ((width, 4 * width), (width, width), (width // 4, 1))
        )

    def forward(self, noise: Tensor, classes: Tensor) -> Tensor:
        about = torch.cat([noise, F.one_hot(classes, self.num_classes).to(noise.dtype)], 1)
        pictures = self.plan(about).view(-1, self.width, SIDE // 4, SIDE // 4)
        *growing, (last_norm, last) = zip(self.norms, self.layers, strict=True)
        for norm, layer in growing:
            pictures = F.pixel_shuffle(layer(norm(pictures, about).relu()), 2)
        logits: Tensor = last(last_norm(pictures, about).relu())
        return logits.float().sigmoid()


class ModulatedNorm(nn.Module):
    """Batch normalisation whose gain and shift depend on `about` [batch, size]."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.modulate = nn.Linear(size, 2 * channels)
        nn.init.normal_(self.modulate.weight, std=0.02)

    def forward(self, pictures: Tensor, about: Tensor) -> Tensor:
        gain, shift = self.modulate(about)[:, :, None, None].chunk(2, dim=1)
        modulated: Tensor = self.norm(pictures) * (1 + gain) + shift
        return modulated


class Critic(nn.Module):
    """Scores [batch] of how real pictures [batch, 1, 28, 28], 0 to 1, look as members of their `classes`."""

    def __init__(self, num_classes: int, width: int = 32) -> None:
        super().__init__()
        self._sizes = num_classes, width
        self.look = nn.Sequential(
            *_layer(1, width, 4, 2),
            *_layer(width, 2 * width, 4, 2),
            *_layer(2 * width, 4 * width, 3, 1),
            *_layer(4 * width, 4 * width, 4, 2),
        )
        self.score = spectral_norm(nn.Linear(4 * width, 1))
        self.member = spectral_norm(nn.Embedding(num_classes, 4 * width))

    def forward(self, pictures: Tensor, classes: Tensor) -> Tensor:
        seen = self.look(2 * pictures - 1).float().sum((2, 3))
        scores: Tensor = self.score(seen)[:, 0].float() + (self.member(classes) * seen).sum(1)
        return scores

    def __reduce__(self) -> tuple[Any, ...]:
        """For the processes of a training: torch pickles no parametrized layers."""
        return _critic, (*self._sizes, self.state_dict())


def _critic(num_classes: int, width: int, weights: dict[str, Tensor]) -> Critic:
    critic = Critic(num_classes, width)
    critic.load_state_dict(weights)
    return critic


class GANSampler(nn.Module):
    """The served form: `noise` fp32 [batch, latent] and `class` int64 [batch] to `image` uint8 [batch, 28, 28, 1]."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, noise: Tensor, classes: Tensor) -> Tensor:
        pictures: Tensor = self.generator(noise, classes)
        return (255 * pictures).round().to(torch.uint8).permute(0, 2, 3, 1)


def _layer(channels: int, filters: int, size: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, filters, size, stride, padding=1)
    return [spectral_norm(convolution), nn.LeakyReLU(SLOPE, inplace=True)]
