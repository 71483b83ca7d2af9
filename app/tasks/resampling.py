"""The filter that makes a square part of a picture smaller or larger."""

import threading
from functools import lru_cache
from math import ceil, prod

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

# So many rows or columns are made by one small matrix product. With more, most of the matrix would be zeros.
BLOCK = 8
COLOURS = 3  # of RGB, interleaved
WORKSPACE_FLOATS = 2**20  # 4 MB a thread; for a larger picture memory is fetched


class Workspace(threading.local):
    """Memory for numbers between the steps, of each thread its own: to map fresh pages takes as long as to use them."""

    def __init__(self) -> None:
        self.floats = np.empty(WORKSPACE_FLOATS, np.float32)

    def two(self, first: tuple[int, int], second: tuple[int, int]) -> tuple[Floats, Floats]:
        """Two arrays of these shapes, of arbitrary content, until the next call."""
        middle, end = prod(first), prod(first) + prod(second)
        floats = self.floats if end <= len(self.floats) else np.empty(end, np.float32)
        return floats[:middle].reshape(first), floats[middle:end].reshape(second)


WORKSPACE = Workspace()


def resample(pixels: Pixels, left: float, top: float, side: float, size: int) -> Pixels:
    """The square of `side` pixels at (left, top) of `pixels`, [height, width, 3], as RGB of shape [size, size, 3].

    Bicubic (Keys, a = -0.5), widened by the scale when it shrinks; sees all pixels that the filter reaches outside of
    the square. Rows first, then columns, both rounded, as Pillow's BICUBIC does it, from which one number in thousands
    differs, by 1; in half the time. Thread-safe.
    """
    height, width, _ = pixels.shape
    rows, row_weights = _weights(height, top, side, size)
    columns, column_weights = _weights(width, left, side, size)
    first, end = rows[0], rows[-1] + row_weights.shape[2]
    flat = pixels.reshape(height, -1)[first:end]

    shape = (end - first, len(columns) * BLOCK * COLOURS)
    lines, square = WORKSPACE.two(shape, (len(rows) * BLOCK, shape[1]))
    for i, (column, weights) in enumerate(zip(columns, _for_each_colour(column_weights), strict=True)):
        window = flat[:, COLOURS * column : COLOURS * column + len(weights)].astype(np.float32)
        np.matmul(window, weights, out=lines[:, i * BLOCK * COLOURS : (i + 1) * BLOCK * COLOURS])
    _round(lines)
    for i, (row, weights) in enumerate(zip(rows, row_weights, strict=True)):
        window = lines[row - first : row - first + weights.shape[1]]
        np.matmul(weights, window, out=square[i * BLOCK : (i + 1) * BLOCK])
    _round(square)
    return square[:size, : size * COLOURS].astype(np.uint8).reshape(size, size, COLOURS)


def _round(levels: Floats) -> None:
    levels += 0.5  # halves go up, as in Pillow; tiny pictures have many
    np.floor(levels, out=levels)
    np.clip(levels, 0, 255, out=levels)


@lru_cache(maxsize=32)  # photos of one camera, or one site, have few sizes
def _weights(length: int, start: float, side: float, size: int) -> tuple[list[int], Floats]:
    """For each block of positions in the result, the first one it reads, and its weights: [blocks, BLOCK, window]."""
    scale = side / size
    stretch = max(scale, 1.0)
    reach = 2 * stretch
    num_blocks = ceil(size / BLOCK)
    window = min(length, ceil((BLOCK - 1) * scale + 2 * reach) + 1)
    # What the last block has too much repeats the last position.
    positions = np.minimum(np.arange(num_blocks * BLOCK), size - 1).reshape(num_blocks, BLOCK)
    centres = start + (positions + 0.5) * scale
    firsts = np.clip(np.floor(centres[:, 0] - reach).astype(int), 0, length - window)
    read = firsts[:, None, None] + np.arange(window) + 0.5
    weights = _bicubic((read - centres[:, :, None]) / stretch)
    weights /= weights.sum(axis=2, keepdims=True)
    return firsts.tolist(), weights.astype(np.float32)


def _bicubic(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the weights of Keys' cubic convolution with a = -0.5, as Pillow has it."""
    x = np.abs(distance)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _for_each_colour(weights: Floats) -> Floats:
    """Weights [blocks, out, in] as matrices [blocks, in * 3, out * 3] that keep three interleaved colours apart."""
    blocks, num_out, num_in = weights.shape
    apart = np.zeros((blocks, num_in, COLOURS, num_out, COLOURS), np.float32)
    for colour in range(COLOURS):
        apart[:, :, colour, :, colour] = weights.transpose(0, 2, 1)
    return apart.reshape(blocks, num_in * COLOURS, num_out * COLOURS)
