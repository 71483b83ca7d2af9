"""The served form of an EfficientNet-Lite: pixels in, probabilities out."""

from torch import Tensor, nn

from training.networks.efficientnet_lite import EfficientNetLite


class PixelClassifier(nn.Module):
    """Pixels, uint8 [batch, side, side, 3], to probabilities, float32 [batch, classes]."""

    def __init__(self, network: EfficientNetLite) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network(normalised_pixels(image))
        return logits.softmax(1)


def normalised_pixels(image: Tensor) -> Tensor:
    """uint8 or float [batch, side, side, 3] as EfficientNet-Lite reads it, [batch, 3, side, side]."""
    return (image.permute(0, 3, 1, 2).float() - 127) / 128
