"""The cells of a part, group by group: what is measured in one run, whose ratios are to the raw loop of that run."""

import gc
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

from benchmarks.on_gpu.cells import FAILED, MISSING, Cell, Results, telling_first
from benchmarks.on_gpu.machine import NotHere
from benchmarks.on_gpu.measuring import Run, in_turn, judged
from benchmarks.on_gpu.sizes import Sizes

PRECISIONS = ("fp32", "fp16", "bf16")
RAW = "eager"
COMPILED = "compile"
LOST = 75
"""Exit status: the device takes no further work in this process."""

Say = Callable[[str], None]


class Part(Protocol):
    """The measured: `pairs` of a shape and a batch, each by all `techniques` in all precisions."""

    pairs: Sequence[tuple[str, int]]
    techniques: Sequence[str]

    def prepared(self, cell: Cell) -> Run:
        """Raises NotHere, and whatever the libraries raise."""
        ...

    def ensure_alive(self) -> None:
        """Raises what the device raises if it takes no further work in this process."""
        ...

    def forget(self) -> None:
        """Give back the memory of a group."""
        ...


def groups_of(part: Part) -> Iterator[list[Cell]]:
    """Cells that are measured together, the most telling first. What few use, and what takes long, comes last."""
    for is_first in (True, False):
        for shape, batch in telling_first(part.pairs):
            cells = [Cell(shape, precision, batch, one) for precision in PRECISIONS for one in part.techniques]
            yield [cell for cell in cells if _is_common(cell) is is_first]


def _is_common(cell: Cell) -> bool:
    return cell.precision == "fp16" or (cell.precision == "fp32" and cell.technique != COMPILED)


def measure(part: Part, results: Results, sizes: Sizes, until: float, say: Say) -> None:
    """Measure what is not done until the time is up; each group is written as soon as it is done.

    Exits with LOST if the device can take no more in this process.
    """
    groups = list(groups_of(part))
    results.plan(cell for group in groups for cell in group)
    longest = 0.0
    for group in groups:
        cells = [cell for cell in group if not results.is_done(cell)]
        if not cells:
            continue
        began = time.monotonic()
        if began + longest > until:
            say("the time is up; another call goes on from here")
            return
        _measure_group(part, cells, results, sizes, say)
        longest = max(longest, time.monotonic() - began)
        part.forget()
        gc.collect()


def _measure_group(part: Part, cells: Sequence[Cell], results: Results, sizes: Sizes, say: Say) -> None:
    anchor = Cell(cells[0].shape, "fp32", cells[0].batch, RAW)
    try:
        raw = part.prepared(anchor)
        reference = np.array(raw())
    except Exception as error:
        why = f"there is no raw loop to compare with: {in_words(error)}"
        results.note({cell: {MISSING if isinstance(error, NotHere) else FAILED: why} for cell in cells})
        return
    runs, found = {anchor: raw}, {anchor: judged(anchor, reference, reference)}
    for cell in cells:
        if cell == anchor:
            continue
        results.trying(cell)
        began = time.monotonic()
        try:
            run = part.prepared(cell)
            found[cell] = {**judged(cell, np.asarray(run()), reference), "setup_s": time.monotonic() - began}
            runs[cell] = run
        except NotHere as error:
            results.note({cell: {MISSING: f"not here: {error}"}})
        except Exception as error:
            results.note({cell: {FAILED: in_words(error)}})
            _leave_if_lost(part, say)
    results.trying(None)
    try:
        figures = in_turn(runs, anchor, sizes.rounds, sizes.least_s)
    except Exception as error:
        results.note({cell: {FAILED: f"while it was measured: {in_words(error)}"} for cell in runs if cell in cells})
        return _leave_if_lost(part, say)
    results.note({cell: {**figures[cell], **found[cell]} for cell in runs if cell in cells})
    best = max(figures, key=lambda cell: figures[cell]["of_raw"])
    say(f"{anchor.shape}, batch {anchor.batch}: {len(runs)} measured; {best.technique} in {best.precision} is ahead")


def _leave_if_lost(part: Part, say: Say) -> None:
    try:
        part.ensure_alive()
    except Exception as error:
        say(f"the device takes no more in this process: {in_words(error)}")
        sys.exit(LOST)


def in_words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"
