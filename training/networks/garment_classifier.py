"""The served form of a network on garments: pictures in, probabilities out."""

import torch
from torch import Tensor, nn

from training.networks.picture_resnet import PictureResNet

MEAN, DEVIATION = 0.286, 0.353  # of the training pixels, between 0 and 1
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow turns colours into grey


class GarmentClassifier(nn.Module):
    """The served form of a network: uint8 RGB [batch, 28, 28, 3] to probabilities [batch, 10]."""

    def __init__(self, network: PictureResNet, temperature: float) -> None:
        super().__init__()
        self.network, self.temperature = network, temperature
        self.luma: Tensor
        self.register_buffer("luma", torch.tensor(LUMA) / 255)

    def forward(self, image: Tensor) -> Tensor:
        grey = (image.float() @ self.luma)[:, None]
        rim = torch.cat([grey[:, :, 0], grey[:, :, -1], grey[..., 0], grey[..., -1]], 2).mean(2)[..., None, None]
        light_on_dark = torch.where(rim > 0.5, 1 - grey, grey)
        return (mirrored_mean(self.network, (light_on_dark - MEAN) / DEVIATION) / self.temperature).softmax(1)


def mirrored_mean(network: PictureResNet, pictures: Tensor) -> Tensor:
    """Logits of the mean over pictures and their mirror images."""
    features = (network.features(pictures) + network.features(pictures.flip(3))) / 2
    found: Tensor = network.classes(features)
    return found


def normalised(pixels: Tensor) -> Tensor:
    """uint8 [batch, 28, 28] as the network reads it."""
    pictures = ((pixels.float() / 255 - MEAN) / DEVIATION)[:, None]
    return pictures.contiguous(memory_format=torch.channels_last)
