"""The time that graphs take, and their size."""

import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.repository.manifest import Metric
from app.runtimes.onnx import load_onnx
from app.runtimes.onnx_weights import weights_beside
from app.runtimes.options import RuntimeOptions
from app.tensors import Tensors

BATCHES = (1, 8)  # rows of one: alone, and some together
Times = dict[Path, dict[int, npt.NDArray[np.float64]]]
"""For each graph and batch size the milliseconds a photo took, one for each round."""


def milliseconds(timed: Sequence[tuple[int, Path]], rounds: int) -> Times:
    """Of the network alone on one thread, all graphs in turns, since the machine may be busy; each with its side."""
    sessions = [load_onnx(path, RuntimeOptions(device="cpu", threads=1)) for _, path in timed]
    taken: Times = {path: {batch: np.zeros(rounds) for batch in BATCHES} for _, path in timed}
    for i, batch, ((side, path), session) in product(range(rounds), BATCHES, zip(timed, sessions, strict=True)):
        images: Tensors = {"image": np.zeros((batch, side, side, 3), np.uint8)}
        started = time.perf_counter()
        session.run(images)
        taken[path][batch][i] = (time.perf_counter() - started) * 1000 / batch
    return taken


def speed(mine: Path, beside: Mapping[str, Path], times: Times) -> list[Metric]:
    """Milliseconds a photo, the fastest tenth too, and megabytes; less is better."""
    rounds = len(times[mine][1])
    metrics = [
        Metric(
            name=f"ms_a_photo_batch_{batch}_{name}",
            value=round(float(np.quantile(times[mine][batch], quantile)), 2),
            dataset="network only, one thread",
            split=f"{rounds} rounds in turns on the machine that built this; less is better",
            baselines={way: round(float(np.quantile(times[path][batch], quantile)), 2) for way, path in beside.items()},
        )
        for batch in BATCHES
        for name, quantile in (("median", 0.5), ("fastest_tenth", 0.1))
    ]
    size = Metric(
        name="megabytes",
        value=megabytes(mine),
        dataset="the graph",
        split="its file; less is better",
        baselines={way: megabytes(path) for way, path in beside.items()},
    )
    return [*metrics, size]


def megabytes(path: Path) -> float:
    """Return the size of a graph with the weights beside it."""
    return round(sum(one.stat().st_size for one in (path, *weights_beside(path).values())) / 1e6, 1)
