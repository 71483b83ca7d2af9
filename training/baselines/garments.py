"""Simpler ways to tell the garments of the test."""

import numpy as np
import torch
import torch.nn.functional as F
from lightning import LightningModule
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from training.data.fashion_mnist import LABELS, FashionMnist, Scores, loader
from training.loop.fit import fit
from training.measures.verdict import MAJORITY
from training.networks.garment_classifier import normalised
from training.networks.textbook_cnn import TextbookCNN
from training.recipe import Run

# Common values, not searched for; the regularisation is set on the 6,000 validation pictures.
TEXTBOOK_EPOCHS, BATCH_SIZE, LEARNING_RATE = 10, 256, 1e-3
REGRESSION_C = 1.0


def garment_baselines(garments: FashionMnist, run: Run) -> dict[str, Scores]:
    """Return the answers of simpler ways to the test, [pictures, 10]; each learned from all training pictures."""
    counts = np.bincount(garments.train.classes, minlength=len(LABELS))
    return {
        "textbook CNN": textbook_scores(garments, run),
        "logistic regression": regression_scores(garments),
        MAJORITY: np.tile(counts, (len(garments.test), 1)),
    }


def textbook_scores(garments: FashionMnist, run: Run) -> Scores:
    """Three convolutions and two dense layers, ten epochs of Adam on unchanged pictures, in few, large batches."""
    torch.manual_seed(run.seed)
    network = TextbookCNN(len(LABELS))
    module = TextbookTraining(network)
    epochs = 1 if run.tiny else TEXTBOOK_EPOCHS
    shown = loader(garments.train, BATCH_SIZE, shuffled=True)
    fit(module, shown, run, epochs=epochs, name="textbook", clip=None)
    with torch.inference_mode():
        scores = [network(normalised(pixels)).numpy() for pixels, _ in loader(garments.test, BATCH_SIZE)]
    return np.concatenate(scores)


class TextbookTraining(LightningModule):
    def __init__(self, network: TextbookCNN) -> None:
        super().__init__()
        self.network = network

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        pixels, classes = batch
        return F.cross_entropy(self.network(normalised(pixels)).float(), classes)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.network.parameters(), LEARNING_RATE)


def regression_scores(garments: FashionMnist) -> Scores:
    """A linear model of the pixels; its regularisation was chosen on the validation pictures."""
    train, test = garments.train, garments.test
    model = LogisticRegression(C=REGRESSION_C, tol=1e-3, max_iter=1000)
    model.fit(train.pixels.reshape(len(train), -1) / 255, train.classes)
    return np.asarray(model.predict_proba(test.pixels.reshape(len(test), -1) / 255))
