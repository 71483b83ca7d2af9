"""Recommenders that count who saw what, learned in a moment."""

from collections.abc import Sequence

import numpy as np

from app.tensors import Array
from training.data.event_log import History
from training.measures.verdict import POPULARITY
from training.networks.ease import ease_weights, seen_together

# Each chosen on the last but one event, by itself.
FADING_EASE, PLAIN_EASE_PENALTY = (0.9, 400.0), 150.0
KNN_RECENCY = 0.7
FADING = f"Where events fade, each counts {KNN_RECENCY} (item-kNN) or {FADING_EASE[0]} (EASE) of the one after it."


def neighbour_scores(past: Sequence[History], asked: Sequence[History], num_items: int) -> dict[str, Array]:
    """Return each one's scores of what follows, [asked, items + 1], learned from `past`."""
    return {
        POPULARITY: np.tile(popularity(past, num_items), (len(asked), 1)),
        "item-kNN": item_knn(past, asked, num_items, 1.0),
        "item-kNN, events fading": item_knn(past, asked, num_items, KNN_RECENCY),
        "EASE": ease(past, asked, num_items, 1.0, PLAIN_EASE_PENALTY),
        "EASE, events fading": ease(past, asked, num_items, *FADING_EASE),
    }


def popularity(histories: Sequence[History], num_items: int) -> Array:
    """Events of each item, [items + 1]."""
    return np.bincount([item for history in histories for item in history], minlength=num_items + 1)


def item_knn(histories: Sequence[History], asked: Sequence[History], num_items: int, recency: float) -> Array:
    """The baseline to beat: cosine of who saw both, summed over a history whose events fade with their age.

    Learned from `histories`; [asked, items + 1].
    """
    together = seen_together(histories, num_items)
    size = np.sqrt(np.diag(together)) + 1e-9  # an item that nobody saw is like none
    similarity = together / size / size[:, None]
    np.fill_diagonal(similarity, 0)
    return np.asarray(faded(asked, num_items, recency) @ similarity)


def ease(
    histories: Sequence[History], asked: Sequence[History], num_items: int, recency: float, penalty: float
) -> Array:
    """The linear half of the model by itself, asked with events that fade as those of item-kNN."""
    return np.asarray(faded(asked, num_items, recency) @ ease_weights(histories, num_items, penalty))


def faded(histories: Sequence[History], num_items: int, recency: float) -> Array:
    """Return who saw what, fp32 [histories, items + 1]; each event counts `recency` times the one after it."""
    weight = np.zeros((len(histories), num_items + 1), np.float32)
    for row, history in enumerate(histories):
        weight[row, list(history)] = recency ** np.arange(len(history))[::-1]
    return weight
