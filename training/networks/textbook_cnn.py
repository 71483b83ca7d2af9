"""The network of many first lessons, three convolutions and two dense layers: a baseline."""

from torch import Tensor, nn


class TextbookCNN(nn.Module):
    """`pictures` float [batch, 1, 28, 28] to logits [batch, classes]."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten()),
            *(nn.Linear(64 * 3 * 3, 64), nn.ReLU(), nn.Linear(64, num_classes)),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.layers(pictures)
        return logits
