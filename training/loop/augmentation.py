"""Random changes of small pictures that leave their class as it is; each picture of a batch gets its own.

Paper: Zhong et al., "Random Erasing Data Augmentation" (2017). Pictures are uint8 [batch, height, width], on any
device; randomness is torch's.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def mirrored(pictures: Tensor) -> Tensor:
    """Half of them from left to right."""
    chosen = torch.rand(len(pictures), device=pictures.device) < 0.5
    return torch.where(chosen[:, None, None], pictures.flip(2), pictures)


def shifted(pictures: Tensor, most: int) -> Tensor:
    """Each by up to `most` pixels in both directions; what comes in is black."""
    count, height, width = pictures.shape
    device = pictures.device
    padded = F.pad(pictures, (most,) * 4)
    rows = torch.randint(0, 2 * most + 1, (count, 1), device=device) + torch.arange(height, device=device)
    columns = torch.randint(0, 2 * most + 1, (count, 1), device=device) + torch.arange(width, device=device)
    return padded[torch.arange(count, device=device)[:, None, None], rows[:, :, None], columns[:, None, :]]


def erased(pictures: Tensor, probability: float, least: int = 4, most: int = 14) -> Tensor:
    """A rectangle of noise, of `least` to `most` pixels on each side, somewhere in some of them."""
    count, height, width = pictures.shape
    device = pictures.device
    within = torch.rand(count, 1, 1, device=device) < probability
    for side, shape in ((height, (1, -1, 1)), (width, (1, 1, -1))):
        middle = torch.randint(0, side, (count, 1, 1), device=device)
        length = torch.randint(least, most + 1, (count, 1, 1), device=device)
        within = within & ((torch.arange(side, device=device).view(shape) - middle).abs() * 2 < length)
    noise = torch.randint(0, 256, pictures.shape, dtype=torch.uint8, device=device)
    return torch.where(within, noise, pictures)
