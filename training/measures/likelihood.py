"""The likelihood of pictures to a model of them, in bits, and how near it comes to them."""

import math
from typing import Protocol

import torch
from torch import Tensor

from app.repository.manifest import Metric
from training.data.fashion_mnist import SIZE, Pictures, loader
from training.networks.picture_vae import PictureVAE
from training.seeds import seeded

BATCH_SIZE = 256  # pictures at a time
PIXELS = SIZE * SIZE
DRAWS = 10  # of the code of each picture, for the bound


def dequantised(pixels: Tensor) -> Tensor:
    """uint8 [batch, 28, 28] between 0 and 1, each somewhere within its level: so a density bounds a probability.

    Theis, van den Oord & Bethge, "A Note on the Evaluation of Generative Models" (2016).
    """
    pictures = ((pixels + torch.rand(pixels.shape, device=pixels.device)) / 256)[:, None]
    return pictures.contiguous(memory_format=torch.channels_last)


def bits_per_pixel(nats: Tensor) -> Tensor:
    """Return the bits per pixel of a picture of 256 levels, scaled to 0 to 1, whose log-density is `nats`."""
    return 8 - nats / (PIXELS * math.log(2))


class Likely(Protocol):
    """A simpler model of pictures."""

    def bits_per_pixel(self, garments: Pictures) -> float: ...
    def squared_error(self, garments: Pictures) -> float: ...


@torch.inference_mode()
def measure_codes(network: PictureVAE, garments: Pictures, seed: int, latent: int, baseline: Likely) -> list[Metric]:
    """The bound, and what is lost of pictures in `latent` numbers, beside principal components of each class."""
    bounds, errors = [], []
    with seeded(seed):
        for pixels, classes in loader(garments, BATCH_SIZE):
            shown = dequantised(pixels)
            bounds.append(torch.stack([network(shown, classes) for _ in range(DRAWS)]).mean(0))
            again = network.decode(network.encode(shown, classes).mean, classes)
            errors.append((again - shown).square().mean((1, 2, 3)))
    split, name = f"test, {len(garments):,} pictures", f"{latent} principal components of each class"
    return [
        Metric(
            name="bound_bits_per_pixel",
            value=float(bits_per_pixel(torch.cat(bounds).mean())),
            dataset="Fashion-MNIST",
            split=split,
            baselines={name: baseline.bits_per_pixel(garments)},
        ),
        Metric(
            name="squared_error_of_reconstructions",
            value=float(torch.cat(errors).mean()),
            dataset="Fashion-MNIST, pixels between 0 and 1",
            split=split,
            baselines={name: baseline.squared_error(garments)},
        ),
    ]
