"""Vectors that a graph gives."""

import numpy as np

from app.errors import InferenceFailed
from app.tensors import Array


def finite(vector: Array) -> Array:
    """Return `vector` as fp32, of the same shape. Raises InferenceFailed if it holds what is no number."""
    found = vector.astype(np.float32)
    if not np.isfinite(found).all():
        raise InferenceFailed("the model gave a vector that holds no numbers")
    return found


def normalized(vector: Array) -> Array:
    """Return `vector` scaled to length one. Zero stays zero."""
    length = np.linalg.norm(vector)
    return np.asarray(vector / length if length else vector)
