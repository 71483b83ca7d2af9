"""The proof for a graph that is served as it is: rows are made up, since any are lawful that fit its signature."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf

import numpy as np

from app.independence.proof import why_dependent
from app.independence.rows import some_rows
from app.independence.together import Untried
from app.runtimes.program import Program
from app.tasks.tensors import TensorsKernel
from app.tensors import NUMPY_TYPES, Array, Session, Tensors, TensorSpec

PROOF = 1
"""The number of this proof: a version that an earlier one let pass is proved again when it is loaded."""

NUM_ROWS = 5  # of a batch: as many as there are PLACES, so each row has its own scale
SEEDS = (0, 1, 2)  # so that each row is once the largest, the smallest, the negative one
INTEGERS = ((0, 1), (1, 2), (0,), (1,))  # are valid tokens, classes or places almost everywhere


def why_unbatched(
    kernel: TensorsKernel,
    session: Session,
    program: Program,
    inputs: Sequence[TensorSpec],
    shapes: Iterable[Mapping[str, Sequence[int]]],
    valid: Tensors,
    largest: int,
    end: float = inf,
) -> str:
    """Return in words why rows may not share a batch of up to `largest`, "" if they may.

    `shapes` are those of rows, and operators are looked at with the first that the graph can compute; `valid` is a row
    that it answers. Raises Late after `end` of the monotonic clock, and MemoryError.
    """
    untried, is_tried = "", False
    programs: dict[str, Program] | None = {"model": program}
    for each in shapes:
        for choices in _choices(inputs, valid):
            batches = [some_rows(inputs, each, choices, NUM_ROWS, seed) for seed in SEEDS]
            try:
                if fault := why_dependent(kernel, {"model": session}, programs, batches, largest, end):
                    return fault
            except Untried as error:
                untried = untried or f"a row cannot be answered alone: {error}"
            else:
                is_tried, programs = True, None
                break
    return "" if is_tried else untried


def _choices(inputs: Sequence[TensorSpec], valid: Tensors) -> Iterator[dict[str, Array]]:
    """Yield values for inputs that are no floats; the last resort is what the graph has answered before."""
    kinds = {one.name: NUMPY_TYPES[one.datatype] for one in inputs}
    whole = {name: kind for name, kind in kinds.items() if kind.kind in "biu"}
    for values in INTEGERS if whole else ():
        yield {name: np.array(values).astype(kind) for name, kind in whole.items()}
    yield {name: valid[name].ravel() for name in whole if valid[name].size}
