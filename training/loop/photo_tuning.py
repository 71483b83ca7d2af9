"""Fine-tune a network of photos towards classes of one's own, from a linear model of what it sees."""

from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from lightning import Callback, LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from app.tasks.images import read_square
from training.data.own.labelled_photos import PhotoFiles
from training.loop.averaging import FinalAverage
from training.loop.fit import LearningCurve, fit
from training.loop.schedule import adamw_with_cosine
from training.networks.efficientnet_lite import EfficientNetLite
from training.networks.pixel_classifier import normalised_pixels
from training.recipe import Run
from training.settings import Between, Count, Epochs, Penalty, Rate, Share, TrainingSettings

AT_ONCE = 16  # photos that are looked at together
Photo = tuple[Tensor, int]


class OwnPhotosSettings(TrainingSettings):
    """`head_strength`: the inverse of the penalty of the linear model with which the last layer begins;
    `colour`: brightness, contrast and saturation are changed by up to this share.
    """

    epochs: Epochs = 8
    batch_size: Count = 16
    learning_rate: Annotated[Rate, Between(3e-5, 1e-3, in_log=True)] = 2e-4
    weight_decay: Annotated[Penalty, Between(0, 0.1)] = 0.01
    smoothing: Annotated[Share, Between(0, 0.2)] = 0.1
    colour: Annotated[Share, Between(0, 0.5)] = 0.3
    head_strength: Annotated[float, Field(gt=0, le=1e4), Between(0.01, 10, in_log=True)] = 0.1


class WidePhotos(Dataset[Photo]):
    """The middle of each photo with a margin around what is served, uint8 [side + margin, side + margin, 3]."""

    def __init__(self, pictures: PhotoFiles, side: int, margin: int) -> None:
        self._pictures, self._side, self._margin = pictures, side, margin

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Photo:
        wide = read_square(self._pictures.files[index].read_bytes(), self._side + self._margin, 0)
        return torch.from_numpy(wide), int(self._pictures.classes[index])


class OwnPhotos(LightningModule):
    """Cross-entropy to the classes, of squares cut, mirrored and coloured anew each time; normalisation stays.

    Logs `loss`, and of the validation, as it is served, `validation_loss`.
    """

    def __init__(self, network: EfficientNetLite, settings: OwnPhotosSettings, side: int) -> None:
        super().__init__()
        self.network, self.settings, self.side = network, settings, side

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        wide, classes = batch
        seen = coloured(cut(wide, self.side), self.settings.colour)
        logits = self.network(normalised_pixels(seen))
        loss = F.cross_entropy(logits, classes, label_smoothing=self.settings.smoothing)
        self.log("loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(classes))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        squares, classes = batch
        loss = F.cross_entropy(self.network(normalised_pixels(squares)), classes)
        self.log("validation_loss", loss, batch_size=len(classes))

    def on_train_epoch_start(self) -> None:
        # Means and deviations of so few photos would be worse than those of ImageNet.
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        rate, decay = self.settings.learning_rate, self.settings.weight_decay
        learned = list(self.network.parameters())
        return adamw_with_cosine(
            self,
            [
                {"params": [p for p in learned if p.ndim > 1], "lr": rate, "weight_decay": decay},
                {"params": [p for p in learned if p.ndim == 1], "lr": rate, "weight_decay": 0.0},
            ],
        )

    def configure_callbacks(self) -> list[Callback]:
        return [FinalAverage()]


def cut(wide: Tensor, side: int) -> Tensor:
    """A square of `side` of each photo [batch, wide, wide, 3], somewhere in it, half of them mirrored."""
    most = wide.shape[1] - side + 1
    places = torch.randint(0, most, (len(wide), 2)).tolist()
    squares = torch.stack([one[y : y + side, x : x + side] for one, (y, x) in zip(wide, places, strict=True)])
    mirrored = torch.rand(len(wide)) < 0.5
    return torch.where(mirrored[:, None, None, None], squares.flip(2), squares)


def coloured(squares: Tensor, most: float) -> Tensor:
    """Brightness, contrast and saturation of each photo, [batch, side, side, 3], changed by up to the share `most`."""
    brightness, contrast, saturation = 1 + most * (2 * torch.rand(3, len(squares), 1, 1, 1) - 1)
    found = squares.float() * brightness
    mean = found.mean((1, 2, 3), keepdim=True)
    found = mean + contrast * (found - mean)
    grey = found.mean(3, keepdim=True)
    changed: Tensor = (grey + saturation * (found - grey)).clamp(0, 255)
    return changed


@torch.inference_mode()
def features(network: EfficientNetLite, squares: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The vectors that the last layer reads of photos uint8 [photos, side, side, 3], fp32 [photos, features]."""
    starts = range(0, len(squares), AT_ONCE)
    parts = [network.features(normalised_pixels(torch.from_numpy(squares[i : i + AT_ONCE]))) for i in starts]
    return torch.cat(parts).numpy()


def linear_head(
    network: EfficientNetLite,
    squares: npt.NDArray[np.uint8],
    seen: npt.NDArray[np.float32],
    classes: npt.NDArray[np.int64],
    strength: float,
) -> LogisticRegression:
    """A linear model of the network's features, of photos (`seen`) and their mirror images, which becomes its last
    layer.
    """
    mirrored = features(network, np.ascontiguousarray(squares[:, :, ::-1]))
    model = LogisticRegression(C=strength, max_iter=2000).fit(np.concatenate([seen, mirrored]), np.tile(classes, 2))
    weight, bias = (torch.from_numpy(one).float() for one in (model.coef_, model.intercept_))
    if len(weight) == 1:  # of two classes it states the second alone
        weight, bias = (torch.cat([-one / 2, one / 2]) for one in (weight, bias))
    network.classifier = nn.Linear(weight.shape[1], len(weight))
    network.classifier.weight.data, network.classifier.bias.data = weight, bias
    return model


def fine_tune_photos(
    network: EfficientNetLite,
    train: PhotoFiles,
    validation: DataLoader[tuple[Tensor, ...]],
    run: Run,
    settings: OwnPhotosSettings,
    *,
    side: int,
    margin: int,
) -> LearningCurve:
    """Train `network` in place; afterwards it has the weights of the epoch with the least loss on the validation."""
    return fit(
        OwnPhotos(network, settings, side),
        DataLoader(WidePhotos(train, side, margin), settings.batch_size, shuffle=True),
        run,
        epochs=settings.epochs,
        validation=validation,
        monitor="validation_loss",
    )  # fmt: skip
