"""The whole graph, run on rows alone and in company: its answers to a row must be the same."""

from collections.abc import Callable, Sequence

import numpy as np

from app.independence.rows import batch_of
from app.tensors import Array, Tensors

Run = Callable[[Tensors], Tensors]


class Untried(Exception):
    """The graph fails on these rows one by one, so they show nothing."""


def fault_together(run: Run, rows: Sequence[Tensors], batches: Sequence[Sequence[int]]) -> str | None:
    """Return in words how rows answer differently in company, or None if they do not.

    `batches` are lists of indices into `rows`. Raises Untried if a row fails alone, which is no evidence.
    """
    try:
        alone = [run(batch_of([row])) for row in rows]
    except MemoryError:
        raise
    except Exception as error:
        raise Untried(str(error)) from error
    for name in alone[0]:
        if any(not isinstance(one[name], np.ndarray) or one[name].shape[:1] != (1,) for one in alone):
            return f"output {name} has no row of its own for each row"
    for batch in batches:
        try:
            together = run(batch_of([rows[i] for i in batch]))
        except MemoryError:
            raise
        except Exception as error:
            return f"{len(batch)} rows fail together: {error}"
        for name, array in together.items():
            if array.shape[:1] != (len(batch),):
                return f"{len(batch)} rows give output {name} of shape {list(array.shape)}"
            for place, i in enumerate(batch):
                if not alike(alone[i][name][0], array[place]):
                    return f"output {name} of a row depends on the rows beside it, or on their number"
    return None


def alike(a: Array, b: Array) -> bool:
    """Return whether two answers to one row are the same, but for rounding in proportion to its largest number."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype.kind not in "fiu":
        return np.array_equal(a, b)
    if a.dtype.kind in "iu":
        most = 1 if a.dtype.itemsize == 1 else 0  # eight bits are a rounded number
        return bool((np.maximum(a, b) - np.minimum(a, b) <= most).all())
    a, b = a.astype(np.float64), b.astype(np.float64)
    largest = float(np.abs(a[np.isfinite(a)]).max(initial=0))
    return np.allclose(a, b, rtol=1e-2, atol=1e-3 * largest, equal_nan=True)
