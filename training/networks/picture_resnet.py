"""A small residual network for small grey pictures, whose layers are in the order that is cheap on a CPU.

Papers: He et al., "Identity Mappings in Deep Residual Networks" (2016); Zhong et al., "Random Erasing Data
Augmentation" (2017). A maximum does not change when it is taken before an increasing function, and batch
normalisation with a positive scale followed by ReLU is one: pooled first, they see a quarter of the numbers.
"""

from torch import Tensor, nn


def convolution(channels: int, filters: int, *, pooled: bool = False) -> nn.Sequential:
    """3 x 3, then batch normalisation and ReLU; `pooled` halves both sides."""
    pool = [nn.MaxPool2d(2)] if pooled else []
    return nn.Sequential(
        nn.Conv2d(channels, filters, 3, padding=1, bias=False), *pool, nn.BatchNorm2d(filters), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(convolution(channels, channels), convolution(channels, channels))

    def forward(self, state: Tensor) -> Tensor:
        changed: Tensor = state + self.branch(state)
        return changed


class PictureResNet(nn.Module):
    """`pictures` float [batch, 1, height, width] to logits [batch, classes]; the last layer sees `features`."""

    def __init__(self, num_classes: int, width: int = 32, dropout: float = 0.1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            convolution(1, width, pooled=True),
            Residual(width),
            convolution(width, 2 * width, pooled=True),
            Residual(2 * width),
            convolution(2 * width, 4 * width, pooled=True),
            Residual(4 * width),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
        )
        self.dropout = nn.Dropout(dropout)
        self.classes = nn.Linear(4 * width, num_classes)

    def features(self, pictures: Tensor) -> Tensor:
        """[batch, 4 * width]"""
        found: Tensor = self.body(pictures)
        return found

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.classes(self.dropout(self.features(pictures)))
        return logits
