"""Choose the sentences that say most of a text: LexRank, then maximal marginal relevance. Plain numpy."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

MOST_STEPS = 100  # of the random walk: at a damping of .85 a step changes less than STILL by then
STILL = 1e-6  # what ranks, which sum to 1, may still change


class Choice(NamedTuple):
    """A chosen sentence, by its index, and its largest similarity to those that were chosen before it."""

    sentence: int
    redundancy: float


def similarities(embeddings: Floats) -> Floats:
    """Cosines [n, n] of rows of length one [n, width]; negative ones and the diagonal are zero."""
    cosines = embeddings @ embeddings.T
    np.clip(cosines, 0, 1, out=cosines)
    np.fill_diagonal(cosines, 0)
    return cosines


def lexrank(cosines: Floats, damping: float) -> Floats:
    """Return how central each sentence is; the most central has 1.

    Continuous LexRank (Erkan and Radev 2004): the stationary distribution of a random walk along similarities,
    that with probability 1 - `damping` jumps anywhere.
    """
    size = len(cosines)
    degrees = cosines.sum(axis=1)
    isolated = degrees == 0
    weights = np.where(isolated, 0, 1 / np.where(isolated, 1, degrees)).astype(np.float32)
    ranks = np.full(size, 1 / size, np.float32)
    for _ in range(MOST_STEPS):
        walked = (ranks * weights) @ cosines + ranks[isolated].sum() / size
        moved = (1 - damping) / size + damping * walked
        if np.abs(moved - ranks).sum() < STILL:
            break
        ranks = moved
    return np.asarray(ranks / ranks.max(), np.float32)


def word_centrality(sentences: Sequence[Sequence[str]]) -> Floats:
    """Return how much each sentence has the words of the whole text; the most central has 1.

    Cosine of tf-idf to the centroid (Radev et al. 2004, "Centroid-based summarization of multiple documents"). It needs
    no embeddings and linear time.
    """
    counts = [Counter(words) for words in sentences]
    occurs_in = Counter(word for words in counts for word in words)
    rarity = {word: math.log(1 + len(sentences) / number) for word, number in occurs_in.items()}
    weights = [{word: number * rarity[word] for word, number in words.items()} for words in counts]
    norms = [math.hypot(*vector.values()) or 1.0 for vector in weights]
    centroid: Counter[str] = Counter()
    for vector, norm in zip(weights, norms, strict=True):
        centroid.update({word: weight / norm for word, weight in vector.items()})
    closeness = [
        sum(weight * centroid[word] for word, weight in vector.items()) / norm
        for vector, norm in zip(weights, norms, strict=True)
    ]
    return np.asarray(closeness, np.float32) / np.float32(max(closeness) or 1)


def start_of_report(cosines: Floats, kinship: float) -> int:
    """Index of the first sentence that is of one matter with what follows; 0 if that cannot be told.

    What stands before it, a teaser for something else say, is in front but not the point. Three sentences belong to
    what follows them if they are at least `kinship` times as like it, on average, as it is like itself.
    """
    size = len(cosines)
    to_later = np.triu(cosines).sum(axis=1, dtype=np.float64)
    among = 2 * np.cumsum(to_later[::-1])[::-1]  # what sentence i and those after it have among themselves
    for start in range(size // 2):
        later = start + _OPENING
        count = size - later
        if count < _OPENING:
            break
        if cosines[start:later, later:].mean() >= kinship * among[later] / (count * (count - 1)):
            return start
    return 0


_OPENING = 3  # sentences


def relevance(centrality: Floats, position_weight: float, *, start: int = 0, reach: int | None = None) -> Floats:
    """Centrality with a prior for what comes early, as news puts first what matters; from 0 to 1.

    The first sentence is the one at `start`. In a text of more than `reach` sentences the prior is the weaker the
    longer it is: no report, but a treatise, which does not put all that matters first.
    """
    size = len(centrality)
    weight = prior_weight(size, position_weight, reach)
    early = np.zeros(size)
    early[start:] = 1 / np.sqrt(np.arange(1, size - start + 1))
    return np.asarray((centrality + weight * early) / (1 + weight), np.float32)


def prior_weight(size: int, position_weight: float, reach: int | None) -> float:
    """Return the weight of the prior of `relevance` in a text of `size` sentences, beside a centrality of 1."""
    return position_weight if reach is None else position_weight * min(1, reach / size)


def choose(
    scores: Floats,
    cosines: Floats,
    mmr_lambda: float,
    *,
    max_sentences: int | None = None,
    lengths: Sequence[int] = (),
    max_length: int | None = None,
) -> list[Choice]:
    """Choose as many sentences as the limits admit, at least one; return them in the order of choice.

    Maximal marginal relevance (Carbonell and Goldstein 1998): each next choice has the best of
    `mmr_lambda` x score - (1 - `mmr_lambda`) x its largest similarity to what is chosen. If no sentence is
    within `max_length`, the shortest is chosen.
    """
    size = len(scores)
    costs = np.asarray(lengths or [0] * size)
    room = costs.sum() if max_length is None else max_length
    if room < costs.min():
        return [Choice(int(costs.argmin()), 0.0)]
    chosen: list[Choice] = []
    is_open = np.ones(size, np.bool_)
    closest = np.zeros(size, np.float32)
    while len(chosen) < min(size, max_sentences or size) and (is_open & (costs <= room)).any():
        worth = np.where(is_open & (costs <= room), mmr_lambda * scores - (1 - mmr_lambda) * closest, -np.inf)
        best = int(worth.argmax())
        chosen.append(Choice(best, float(closest[best])))
        is_open[best] = False
        room -= costs[best]
        np.maximum(closest, cosines[best], out=closest)
    return chosen
