"""A convolutional variational autoencoder of small grey pictures, conditioned on their class.

Papers: Kingma & Welling, "Auto-Encoding Variational Bayes" (2014); Sohn et al., "Learning Structured Output
Representation using Deep Conditional Generative Models" (2015); Rybkin et al., "Simple and Effective VAE Training with
Calibrated Decoders" (2021), for the one learned deviation of all pixels; Ghosh et al., "From Variational to
Deterministic Autoencoders" (2020), for drawing from where the training pictures lie; Shi et al., "Real-Time Single
Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network" (2016), for growing
pictures. Every layer runs at half the size or less, which is cheap on a CPU.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 28
LEAST_LOG_DEVIATION = -4.0  # of a pixel between 0 and 1: about four of 255 levels


class Code(NamedTuple):
    """A normal distribution over latent space, diagonal: `mean` and `log_variance` [batch, latent]."""

    mean: Tensor
    log_variance: Tensor

    def draw(self) -> Tensor:
        return self.mean + torch.randn_like(self.mean) * (0.5 * self.log_variance).exp()

    def divergence(self) -> Tensor:
        """Return the divergence from a standard normal distribution, in nats, [batch]."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance).sum(1)


class PictureVAE(nn.Module):
    """Pictures are float [batch, 1, 28, 28] between 0 and 1; classes int64 [batch]."""

    def __init__(self, num_classes: int, latent: int = 16, width: int = 24) -> None:
        super().__init__()
        self.num_classes, self.latent = num_classes, latent
        self.read = nn.Sequential(
            nn.PixelUnshuffle(2),
            *_layer(4, width),
            *_layer(width, 2 * width),
            nn.PixelUnshuffle(2),
            *_layer(8 * width, 2 * width),
            nn.Flatten(),
        )
        self.code = nn.Linear(2 * width * (SIDE // 4) ** 2 + num_classes, 2 * latent)
        self.plan = nn.Linear(latent + num_classes, 2 * width * (SIDE // 4) ** 2)
        self.paint = nn.Sequential(
            nn.Unflatten(1, (2 * width, SIDE // 4, SIDE // 4)),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(inplace=True),
            *_layer(2 * width, 8 * width),
            nn.PixelShuffle(2),
            *_layer(2 * width, 2 * width),
            nn.Conv2d(2 * width, 4, 3, padding=1),
            nn.PixelShuffle(2),
        )
        self.log_deviation = nn.Parameter(torch.tensor(-1.0))

    def encode(self, pictures: Tensor, classes: Tensor) -> Code:
        found = self.code(torch.cat([self.read(pictures), self._one_hot(classes, pictures)], 1))
        mean, log_variance = found.float().chunk(2, dim=1)
        return Code(mean, log_variance)

    def decode(self, latent: Tensor, classes: Tensor) -> Tensor:
        """The most likely pictures."""
        logits: Tensor = self.paint(self.plan(torch.cat([latent, self._one_hot(classes, latent)], 1)))
        return logits.float().sigmoid()

    def forward(self, pictures: Tensor, classes: Tensor) -> Tensor:
        """The evidence lower bound of each picture, by one draw: nats of density, [batch]."""
        code = self.encode(pictures, classes)
        return self.log_likelihood(pictures, self.decode(code.draw(), classes)) - code.divergence()

    def log_likelihood(self, pictures: Tensor, means: Tensor) -> Tensor:
        log_deviation = self.log_deviation.clamp(min=LEAST_LOG_DEVIATION)
        errors = (pictures - means).flatten(1).square().sum(1)
        constant = pictures[0].numel() * (log_deviation + 0.5 * math.log(2 * math.pi))
        return -0.5 * errors * (-2 * log_deviation).exp() - constant

    def _one_hot(self, classes: Tensor, like: Tensor) -> Tensor:
        return F.one_hot(classes, self.num_classes).to(like.dtype)


class VAESampler(nn.Module):
    """The served form: `noise` fp32 [batch, latent] and `class` int64 [batch] to `image` uint8 [batch, 28, 28, 1].

    Noise is standard normal; it is moved to where the training pictures of the class lie: `means` [classes, latent],
    `factors` [classes, latent, latent], a square root of their covariance.
    """

    def __init__(self, network: PictureVAE, means: Tensor, factors: Tensor) -> None:
        super().__init__()
        self.network = network
        self.means: Tensor
        self.register_buffer("means", means)
        self.factors: Tensor
        self.register_buffer("factors", factors)

    def forward(self, noise: Tensor, classes: Tensor) -> Tensor:
        latent = self.means[classes] + (self.factors[classes] @ noise[:, :, None])[:, :, 0]
        pictures = self.network.decode(latent, classes)
        return (255 * pictures).round().to(torch.uint8).permute(0, 2, 3, 1)


def _layer(channels: int, filters: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]
