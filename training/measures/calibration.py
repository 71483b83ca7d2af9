"""Are probabilities what they say? Expected calibration error and temperature scaling.

Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017).
"""

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torchmetrics.functional.classification import multiclass_calibration_error

LEAST_SAMPLES = 20  # of fewer no temperature is learned
LEAST_ERRORS = 2  # where nothing is wrong the likeliest temperature is zero
TEMPERATURES = (0.05, 20)  # among which one is looked for: far beyond what the prior lets through
PRIOR_DEVIATION = 0.3  # of the logarithm: most networks are between 0.55 and 1.8

BINS = 15  # as in Guo et al. 2017, so that figures can be compared

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]


def expected_calibration_error(probabilities: Floats, truth: Labels, *, bins: int = BINS) -> float:
    """Mean gap, over samples, between the best class's probability and how often it is right, in bins of equal width.

    `probabilities` [samples, labels], `truth` int [samples].
    """
    error = multiclass_calibration_error(
        torch.tensor(probabilities), torch.tensor(truth), num_classes=probabilities.shape[1], n_bins=bins
    )
    return float(error)


def calibration_bins(probabilities: Floats, truth: Labels, *, bins: int = BINS) -> tuple[Floats, Floats, Labels]:
    """Return for each bin with samples the best class's mean probability, how often it is right, and their number."""
    sure = probabilities.max(1).astype(float)
    right = (probabilities.argmax(1) == truth).astype(float)
    place = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)  # each bin holds its upper end, as in the paper
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    sums = (np.bincount(place, weights=values, minlength=bins) for values in (sure, right))
    mean_sure, mean_right = (total[filled] / count[filled] for total in sums)
    return mean_sure, mean_right, count[filled]


def fit_temperature(logits: Floats, truth: Labels) -> float:
    """The number by which to divide `logits` [samples, labels] so that softmax is as sure as it is right.

    To be fitted on the validation split. Dividing all logits alike changes no answer, only how sure it is. It is the
    most likely one where its logarithm is beforehand normally distributed around 0, that is 1, with PRIOR_DEVIATION:
    few samples hardly move it, thousands as far as they say. 1 where `cannot_be_calibrated` has a reason.
    """
    if cannot_be_calibrated(logits, truth):
        return 1.0
    wide = logits.astype(float)
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        likelihood = log_softmax(wide / np.exp(log_temperature), axis=1)[rows, truth].sum()
        return float(0.5 * (log_temperature / PRIOR_DEVIATION) ** 2 - likelihood)

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))


def cannot_be_calibrated(logits: Floats, truth: Labels) -> str:
    """Why no temperature can be learned from these samples, as a sentence for the card; nothing if one can."""
    if len(truth) < LEAST_SAMPLES:
        why = f"there are {len(truth)} samples to learn one from, and at least {LEAST_SAMPLES} are needed"
    elif len(np.unique(truth)) < 2:
        why = "all samples to learn one from have the same label"
    elif len(truth) - (right := int((logits.argmax(1) == truth).sum())) < LEAST_ERRORS:
        why = f"of {len(truth)} samples to learn one from {right} are right, so how sure it may be cannot be told"
    else:
        return ""
    return f"Answers are as sure as they were learned (temperature 1): {why}."
