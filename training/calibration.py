"""Are probabilities what they say? Expected calibration error and temperature scaling.

Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017).
"""

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torchmetrics.functional.classification import multiclass_calibration_error

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]


def expected_calibration_error(probabilities: Floats, truth: Labels, *, bins: int = 15) -> float:
    """Mean gap, over samples, between the best class's probability and how often it is right, in bins of equal width.

    `probabilities` [samples, labels], `truth` int [samples].
    """
    error = multiclass_calibration_error(
        torch.tensor(probabilities), torch.tensor(truth), num_classes=probabilities.shape[1], n_bins=bins
    )
    return float(error)


def calibration_bins(probabilities: Floats, truth: Labels, *, bins: int = 15) -> tuple[Floats, Floats, Labels]:
    """For each bin that holds a sample: mean probability of the best class, how often it is right, and samples."""
    sure = probabilities.max(1).astype(float)
    right = (probabilities.argmax(1) == truth).astype(float)
    place = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)  # each bin holds its upper end, as in the paper
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    sums = (np.bincount(place, weights=values, minlength=bins) for values in (sure, right))
    mean_sure, mean_right = (total[filled] / count[filled] for total in sums)
    return mean_sure, mean_right, count[filled]


def fit_temperature(logits: Floats, truth: Labels) -> float:
    """The number by which to divide `logits` [samples, labels] so that softmax makes `truth` likeliest.

    To be fitted on the validation split. Dividing all logits alike changes no answer, only how sure it is.
    """
    wide = logits.astype(float)
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(wide / np.exp(log_temperature), axis=1)[rows, truth].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))
