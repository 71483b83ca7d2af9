"""Months as they are read: rows as the service prepares them, and windows of series to learn from."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from app.tasks.time_series_forecasting import (
    ForecastingConfig,
    ForecastingKernel,
    ForecastParameters,
    Scale,
    SeriesInput,
    TimeSeriesForecasting,
)
from app.tensors import Array, Tensors
from training.data.origins import HORIZON, SEASON, ForecastOrigin
from training.errors import TrainingError

QUANTILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
LOWEST, MIDDLE, HIGHEST = 0, 4, 8
CONFIG = ForecastingConfig(
    season=SEASON, min_history=24, max_history=72, horizon=HORIZON, quantiles=QUANTILES, period="month"
)


TASK = TimeSeriesForecasting(ForecastingKernel(CONFIG, {}))
KEPT = 0.35  # of all windows: neighbours differ by one month
SHORTENED = 0.3  # of the windows lose a part of their past, so that short series are known, too
MOST_WINDOWS = 60  # of a series, that count in full; more share the weight of these
LEAST_FOLLOWING = 6  # months after a window, or it is not learned from
NAIVE_ERRORS = 0.1, 3.0  # units of scale: beyond these a series would weigh far more, or far less, than others
FARTHEST = 20.0  # units of scale from the level; what lies beyond is learned as if it were there


class MonthWindows(Dataset[tuple[Tensor, ...]]):
    """Known months and those that followed, at many points of each series, prepared as the service prepares an item.

    A sample is `values`, `is_known` [max_history], `following` [HORIZON], on the same scale, and `weight` [HORIZON],
    0 where nothing follows. A series does not weigh more because it is very long, nor because it is hard to forecast:
    errors count in units of that of "as a year ago", as in MASE. Raises TrainingError if there is no sample.
    """

    def __init__(self, histories: Sequence[Array], seed: int) -> None:
        random = np.random.default_rng(seed)
        found = [window for history in histories for window in _windows(history, random)]
        if not found:
            raise TrainingError("there is nothing to learn: before the test every series stays the same for too long")
        self.columns = [torch.from_numpy(np.stack(column)) for column in zip(*found, strict=True)]
        self.columns[-1] /= self.columns[-1].sum(1).mean()

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(column[index] for column in self.columns)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        """A batch at once; hundreds of samples would take longer to stack than to learn."""
        return tuple(column[indices] for column in self.columns)


def _windows(history: Array, random: np.random.Generator) -> Sequence[tuple[Array, ...]]:
    ends = range(CONFIG.min_history, len(history) - LEAST_FOLLOWING + 1)
    share = min(1.0, MOST_WINDOWS / max(1, len(ends)))
    windows: list[tuple[Array, ...]] = []
    for end in ends:
        if random.random() > KEPT:
            continue
        start = int(random.integers(0, end - CONFIG.min_history + 1)) if random.random() < SHORTENED else 0
        known = history[start:end][-CONFIG.max_history :]
        row, scale = prepare(known)
        if row is None:
            continue
        following, weight = np.zeros((2, HORIZON), np.float32)
        after = history[end : end + HORIZON]
        following[: len(after)] = scale.remove(after).clip(-FARTHEST, FARTHEST)
        naive_error = np.abs(known[SEASON:] - known[:-SEASON]).mean() / scale.unit
        weight[: len(after)] = share / len(after) / np.clip(naive_error, *NAIVE_ERRORS)
        windows.append((row["values"], row["is_known"], following, weight))
    return windows


def prepare(known: Array) -> tuple[Tensors | None, Scale]:
    """The row that the service makes of a series, None if it never changes, and the scale that was removed."""
    prepared = TASK.preprocess(SeriesInput.model_construct(values=known.tolist()), ForecastParameters())
    return (prepared.rows[0] if prepared.rows else None), prepared.context


def batch_of(asked: Sequence[ForecastOrigin]) -> Tensors:
    rows = [prepare(question.known)[0] or TASK.kernel.probe(1) for question in asked]  # a still series reads nothing
    return TASK.kernel.collate(rows)
