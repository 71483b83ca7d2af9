"""Rows that keep some parts of an item, and the weight of each part by their answers. Plain numpy.

Shapley values by weighted least squares: Lundberg and Lee 2017, "A unified approach to interpreting model
predictions" (KernelSHAP), with subsets in pairs as in Covert and Lee 2021, "Improving KernelSHAP".
"""

import numpy as np
import numpy.typing as npt

Kept = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

SEED = 0  # the same item has the same explanation, whoever asks
MANY_PARTS = 30  # of which all subsets would be more than any row limit, and need not be counted
_RIDGE = 1e-6  # for parts that were never apart


def subsets(num_parts: int, num_rows: int) -> Kept:
    """Return up to `num_rows` (at least 4) subsets of `num_parts` parts, [rows, parts]: all, none, then others.

    All there are, if they are so few; or else drawn in pairs of a subset and the rest, of sizes as Shapley's kernel
    weighs them.
    """
    if num_parts < MANY_PARTS and 2**num_parts <= num_rows:
        numbers = np.arange(2**num_parts)[::-1, np.newaxis]
        every = (numbers >> np.arange(num_parts) & 1).astype(np.bool_)
        return np.concatenate([every[:1], every[-1:], every[1:-1]])
    random = np.random.default_rng([SEED, num_parts])
    sizes = np.arange(1, num_parts)
    shares = 1 / (sizes * (num_parts - sizes))
    drawn = random.choice(sizes, (num_rows - 2) // 2, p=shares / shares.sum())
    ranks = random.random((len(drawn), num_parts)).argsort(axis=1).argsort(axis=1)
    chosen = ranks < drawn[:, np.newaxis]
    pairs = np.stack([chosen, ~chosen], axis=1).reshape(-1, num_parts)
    return np.concatenate([np.ones((1, num_parts), np.bool_), np.zeros((1, num_parts), np.bool_), pairs])


def shapley_values(kept: Kept, values: Floats) -> Floats:
    """Return what each part adds, [parts] or [parts, outputs], by `values` [rows] or [rows, outputs] of `subsets`.

    They sum to the value of all parts less that of none. Exact if every subset is there, an estimate otherwise.
    """
    whole, nothing = values[0], values[1]
    num_rows, num_parts = kept.shape
    if num_parts == 1:
        return np.asarray([whole - nothing])
    inner, sizes = kept[2:].astype(np.float64), kept[2:].sum(axis=1)
    # Drawn subsets have the kernel in how often they come; of all subsets each has it as its weight.
    is_drawn = num_parts >= MANY_PARTS or num_rows < 2**num_parts
    weights = np.ones(len(inner)) if is_drawn else _kernel(num_parts)[sizes]
    weights = weights / weights.sum()
    gram = (inner * weights[:, np.newaxis]).T @ inner + _RIDGE * np.eye(num_parts)
    moment = (inner * weights[:, np.newaxis]).T @ (values[2:] - nothing)
    # Least squares under the condition on the sum, by a Lagrange multiplier.
    free, ones = np.linalg.solve(gram, moment), np.linalg.solve(gram, np.ones(num_parts))
    missing = (whole - nothing - free.sum(axis=0)) / ones.sum()
    return np.asarray(free + np.multiply.outer(ones, missing))


def _kernel(num_parts: int) -> Floats:
    """Shapley's kernel of subsets by size, [num_parts], of which the first is not used."""
    sizes = np.arange(num_parts, dtype=np.float64)
    sizes[0] = 1
    log_factorial = np.concatenate([[0], np.cumsum(np.log(np.arange(1, num_parts + 1)))])
    index = sizes.astype(np.int64)
    log_choose = log_factorial[num_parts] - log_factorial[index] - log_factorial[num_parts - index]
    return np.asarray((num_parts - 1) / (np.exp(log_choose) * sizes * (num_parts - sizes)))


def left_out(num_parts: int) -> Kept:
    """All parts, none, and all but each, [parts + 2, parts]."""
    return np.concatenate(
        [np.ones((1, num_parts), np.bool_), np.zeros((1, num_parts), np.bool_), ~np.eye(num_parts, dtype=np.bool_)]
    )


def losses(values: Floats) -> Floats:
    """Return what is lost without each part, [parts] or [parts, outputs], by the `values` of `left_out`."""
    return np.asarray(values[0] - values[2:])
