"""Pictures with a part of them hidden, as rows that share the picture: whole, 196 of them would take 30 MB."""

import numpy as np
import numpy.typing as npt

from app.tensors import Array, Tensors

GRID = 12  # cells on a side
Pixels = npt.NDArray[np.uint8]


def cells(size: int) -> npt.NDArray[np.int64]:
    """In which of at most GRID rows of cells each of `size` rows of pixels is; of columns likewise."""
    return np.arange(size) * min(GRID, size) // size


def without(pixels: Pixels, fill: Pixels, hidden: Array) -> Tensors:
    """A row of `pixels` [height, width, 3], of colour `fill` [3] where its cells are `hidden`, bool [rows, columns]."""
    return {"image": pixels, "fill": fill, "hidden": hidden}


def shown(row: Tensors) -> Pixels:
    """Return what a graph is to see of a row, [height, width, 3]."""
    if "hidden" not in row:
        return row["image"]
    height, width, _ = row["image"].shape
    is_hidden = row["hidden"][cells(height)[:, np.newaxis], cells(width)]
    return np.where(is_hidden[..., np.newaxis], row["fill"], row["image"])
