"""One token out of many by chance. Knows logits; knows nothing of what was generated before."""

import numpy as np
import numpy.typing as npt

from app.generation.prompt import Logits, Sampling

Ids = npt.NDArray[np.intp]

GUESSES = (64, 512)
"""So many of the likeliest tokens mostly hold a nucleus. To find them takes a twentieth of the time of sorting all."""


def draw(logits: Logits, sampling: Sampling, chance: float) -> int:
    """Return the token of `logits` [vocabulary] that `chance`, from 0 up to but not including 1, falls on.

    `temperature`, above 0, comes first, then `top_k`, `min_p` and `top_p`, each over what the one before left. The
    largest logit must be finite.
    """
    # Division by a temperature that float32 rounds to zero would make the likeliest token impossible.
    temperature = max(sampling.temperature, float(np.finfo(np.float32).tiny))
    kept = logits
    selections: list[Ids] = []
    if 0 < sampling.top_k < logits.size:
        selections.append(likeliest(logits, sampling.top_k))
        kept = logits[selections[-1]]
    weights = np.exp((kept - kept.max()) / temperature)
    if sampling.min_p > 0:
        selections.append(np.flatnonzero(weights >= sampling.min_p))
        kept, weights = kept[selections[-1]], weights[selections[-1]]
    if sampling.top_p < 1:
        selections.append(_nucleus(kept, weights, sampling.top_p))
        weights = weights[selections[-1]]
    sums = weights.cumsum(dtype=np.float64)
    # From the right: what has no probability adds nothing to the sums, and is stepped over.
    drawn = np.searchsorted(sums, chance * sums[-1], side="right")
    for selection in reversed(selections):
        drawn = selection[drawn]
    return int(drawn)


def likeliest(logits: Logits, count: int) -> Ids:
    """Return the ids of the `count` largest finite `logits` [vocabulary], largest first, of equals the lowest id.

    They are fewer where fewer are finite. Raises no error.
    """
    if count == 0:
        return np.empty(0, np.intp)
    # In about four groups for each that is wanted, `count` of the largest ones are at least `bound`: what is below it
    # is not wanted. That takes a tenth of the time of np.argpartition().
    width = max(logits.size // (4 * count), 1)
    largest = logits[: logits.size // width * width].reshape(width, -1).max(axis=0)
    place = max(largest.size - count, 0)
    bound = np.partition(largest, place)[place]
    ids = np.flatnonzero(logits >= max(bound, np.finfo(np.float32).min))
    return ids[np.argsort(-logits[ids], kind="stable")[:count]]


def _nucleus(logits: Logits, weights: Logits, share: float) -> Ids:
    """Return the ids of the largest `logits` whose `weights` reach `share` of all weights: at least one.

    Of equals at the border, those with the lowest ids.
    """
    wanted = share * weights.sum(dtype=np.float64)
    for guess in GUESSES:
        ids = likeliest(logits, guess)
        sums = weights[ids].cumsum(dtype=np.float64)
        if sums[-1] >= wanted:
            return ids[: np.searchsorted(sums, wanted) + 1]
    # To sort values is four times as quick as to sort ids by them.
    sums = np.sort(weights)[::-1].cumsum(dtype=np.float64)
    count = min(int(np.searchsorted(sums, wanted)) + 1, logits.size)
    smallest = np.partition(logits, -count)[-count]
    ids = np.flatnonzero(logits >= smallest)
    equals = np.flatnonzero(logits[ids] == smallest)
    return np.delete(ids, equals[equals.size - (ids.size - count) :])
