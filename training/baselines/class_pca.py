"""The normal distribution of each class, in its principal components."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from sklearn.decomposition import PCA

from training.data.fashion_mnist import LABELS, SIZE, Pictures, Pixels
from training.measures.likelihood import bits_per_pixel, dequantised
from training.seeds import seeded


class ClassPCA:
    """The baseline: principal components of each class, a linear autoencoder and a normal distribution in one."""

    def __init__(self, garments: Pictures, size: int, seed: int) -> None:
        self._seed = seed
        rows = self._rows(garments)
        of_each = [rows[garments.classes == label] for label in range(len(LABELS))]
        self._models = [PCA(min(size, len(mine) // 2), svd_solver=_solver(mine)).fit(mine) for mine in of_each]

    def bits_per_pixel(self, garments: Pictures) -> float:
        rows = self._rows(garments)
        nats = [self._models[label].score_samples(rows[mine]) for label, mine in _by_class(garments)]
        return float(bits_per_pixel(torch.from_numpy(np.concatenate(nats)).mean()))

    def squared_error(self, garments: Pictures) -> float:
        rows = self._rows(garments)
        errors = []
        for label, mine in _by_class(garments):
            model = self._models[label]
            errors.append(np.square(model.inverse_transform(model.transform(rows[mine])) - rows[mine]).mean(1))
        return float(np.concatenate(errors).mean())

    def paint(self, classes: npt.NDArray[np.int64], seed: int) -> Pixels:
        random = np.random.default_rng(seed)
        painted = np.zeros((len(classes), SIZE, SIZE), np.uint8)
        for label in np.unique(classes):
            model, mine = self._models[label], classes == label
            codes = random.standard_normal((mine.sum(), model.n_components_)) * np.sqrt(model.explained_variance_)
            rows = model.inverse_transform(codes).clip(0, 1)
            painted[mine] = (255 * rows).round().reshape(-1, SIZE, SIZE)
        return painted

    def _rows(self, garments: Pictures) -> npt.NDArray[np.floating]:
        with seeded(self._seed):
            return dequantised(torch.from_numpy(garments.pixels)).flatten(1).numpy()


def _solver(rows: npt.NDArray[np.floating]) -> Literal["covariance_eigh", "full"]:
    """The faster one; both are exact."""
    return "covariance_eigh" if len(rows) > rows.shape[1] else "full"


def _by_class(garments: Pictures) -> Sequence[tuple[int, npt.NDArray[np.bool_]]]:
    return [(int(label), garments.classes == label) for label in np.unique(garments.classes)]
