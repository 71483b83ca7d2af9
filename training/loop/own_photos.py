"""A network of photos learns classes of one's own: its last layer first, then all of it, if that is better."""

from copy import deepcopy

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch.utils.data import DataLoader, TensorDataset

from training.data import imagenet
from training.data.own.labelled_photos import LabelledPhotos
from training.data.photos import MARGIN
from training.errors import progress
from training.loop.fit import LearningCurve
from training.loop.photo_tuning import AT_ONCE, OwnPhotosSettings, features, fine_tune_photos, linear_head
from training.measures.calibration import cannot_be_calibrated, fit_temperature
from training.networks.efficientnet_lite import SCALINGS, EfficientNetLite, load_weights
from training.recipe import Run

SETTINGS = OwnPhotosSettings()
TINY = OwnPhotosSettings(epochs=1)
SCALING = SCALINGS["lite0"]
SIDE = SCALING.image_size


def published() -> EfficientNetLite:
    network = EfficientNetLite(SCALING).eval()
    load_weights(network, imagenet.LITE0.load())
    return network


def learn(
    photos: LabelledPhotos,
    validation: npt.NDArray[np.uint8],
    train: npt.NDArray[np.uint8],
    seen: npt.NDArray[np.float32],
    run: Run,
) -> tuple[EfficientNetLite, LogisticRegression, LearningCurve]:
    """The network, fine-tuned where that is better on the validation than the linear model with which it begins.

    `seen`: the features that the published network has of `train`.
    """
    settings = run.chosen(SETTINGS, TINY)
    torch.manual_seed(run.seed)
    network = published()
    linear = linear_head(network, train, seen, photos.train.classes, settings.head_strength)
    before = deepcopy(network)
    asked = TensorDataset(torch.from_numpy(validation), torch.from_numpy(photos.validation.classes))
    loader = DataLoader(asked, AT_ONCE)
    progress(f"learning from {len(train):,} photos of {len(photos.labels)} classes")
    curve = fine_tune_photos(network, photos.train, loader, run, settings, side=SIDE, margin=MARGIN)
    losses = {
        name: loss(one, validation, photos.validation.classes)
        for name, one in (("all", network.eval()), ("last", before))
    }
    progress(f"loss on the validation: all layers trained {losses['all']:.4f}, the last one alone {losses['last']:.4f}")
    return (network if losses["all"] < losses["last"] else before), linear, curve


def validation_loss(photos: LabelledPhotos, run: Run) -> float:
    train, validation = (part.squares(SIDE) for part in (photos.train, photos.validation))
    network, _, _ = learn(photos, validation, train, features(published(), train), run)
    return loss(network, validation, photos.validation.classes)


@torch.inference_mode()
def logits(network: EfficientNetLite, squares: npt.NDArray[np.uint8]) -> torch.Tensor:
    return network.classifier(torch.from_numpy(features(network, squares)))  # type: ignore[no-any-return]


def loss(network: EfficientNetLite, squares: npt.NDArray[np.uint8], classes: npt.NDArray[np.int64]) -> float:
    return float(F.cross_entropy(logits(network, squares), torch.from_numpy(classes)))


def calibrate(network: EfficientNetLite, squares: npt.NDArray[np.uint8], classes: npt.NDArray[np.int64]) -> str:
    """Divide the answers by the temperature that the validation asks for; return why none was, or nothing."""
    found = logits(network, squares).numpy()
    temperature = fit_temperature(found, classes)
    with torch.no_grad():
        for parameter in network.classifier.parameters():
            parameter.div_(temperature)
    return cannot_be_calibrated(found, classes)
