"""Are probabilities what they say? Expected calibration error and temperature scaling.

Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017).
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]


def expected_calibration_error(probabilities: Floats, truth: Labels, *, bins: int = 15) -> float:
    """Mean gap, over samples, between the best class's probability and how often it is right, in equal-width bins.

    `probabilities` [samples, labels], `truth` int [samples].
    """
    sure = probabilities.max(1)
    right = probabilities.argmax(1) == truth
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weights=right - sure, minlength=bins)
    return float(np.abs(gaps).sum() / len(truth))


def fit_temperature(logits: Floats, truth: Labels) -> float:
    """The divisor of `logits` [samples, labels] at which softmax gives `truth` the highest likelihood, on validation."""
    raise NotImplementedError
