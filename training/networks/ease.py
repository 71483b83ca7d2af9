"""EASE: what having seen one item says of each other, in closed form, without torch.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019). Here events fade with their age when it is
asked, which helps more than anything else about it.
"""

from collections.abc import Sequence

import numpy as np

from app.tensors import Array


def ease_weights(histories: Sequence[Sequence[int]], num_items: int, penalty: float) -> Array:
    """Return what having seen one item says of each other, fp32 [items + 1, items + 1]; 0 for itself and padding."""
    counts = seen_together(histories, num_items)
    inverse = np.linalg.inv(counts + penalty * np.eye(num_items + 1, dtype=np.float32))
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    weights[0] = 0  # padding
    return np.asarray(weights)


def seen_together(histories: Sequence[Sequence[int]], num_items: int, people_at_once: int = 4096) -> Array:
    """Count the histories that hold both of two items, fp32 [items + 1, items + 1], `people_at_once` at a time."""
    counts = np.zeros((num_items + 1, num_items + 1), np.float32)
    for start in range(0, len(histories), people_at_once):
        some = histories[start : start + people_at_once]
        seen = np.zeros((len(some), num_items + 1), np.float32)
        for row, history in enumerate(some):
            seen[row, list(history)] = 1
        counts += seen.T @ seen
    return counts
