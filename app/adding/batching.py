"""May rows of this graph share a batch? Its own words first, then the proof."""

import numpy as np

from app.adding.graph import Answered, Graph
from app.independence.proof import why_dependent
from app.independence.rows import some_rows
from app.independence.together import Untried
from app.repository.manifest import Batching
from app.runtimes.signature import Bounds
from app.tasks.tensors import RawTensors, RawTensorsConfig
from app.tensors import NUMPY_TYPES, Array, GraphRefused

LARGEST = Batching().max_batch_size
OTHER_SIZE = 3  # of dimensions that vary: at size 1 many operators do nothing
NUM_ROWS = 5
SEEDS = (0, 1, 2)  # so that each row is once the largest, the smallest, the negative one
INTEGERS = ((0, 1), (1, 2), (0,), (1,))  # are valid tokens, classes or places almost everywhere


def largest_batch(graph: Graph) -> int:
    bounds = (graph.dimensions.bounds.get(key, Bounds()) for key in graph.dimensions.batch())
    return min([LARGEST, *(one.most for one in bounds if one.most is not None)])


def why_unbatched(graph: Graph, answered: Answered, config: RawTensorsConfig | None, largest: int) -> str:
    """Return in words why rows may not share a batch of up to `largest`, "" if they may.

    `config` is the one under which they would; None if the inputs speak against it.
    """
    batch = graph.dimensions.batch()
    if config is None:
        return "its inputs have no first dimension in common that counts rows"
    if any(answered.sizes[key] != 1 for key in batch):
        return "it does not run on a single row"
    if largest < 2:
        return "it takes one row at a time"
    if len(batch) > 1 and not _fails_if_unlike(graph, answered):
        return "the first dimensions of its inputs are different ones"
    task, untried, tried = RawTensors(config.model_copy(update={"probe": "none"}), {}), "", False
    for sizes in (answered.sizes, {key: 1 if key in batch else OTHER_SIZE for key in answered.sizes}):
        shapes = {name: shape[1:] for name, shape in graph.dimensions.shapes(sizes).items()}
        for choices in _choices(graph, answered):
            try:
                for seed in SEEDS:
                    rows = some_rows(graph.signature.inputs, shapes, choices, NUM_ROWS, seed)
                    if fault := why_dependent(task, {"model": graph.session}, {"model": graph.program}, rows, largest):
                        return fault
            except Untried as error:
                untried = untried or f"a row cannot be answered alone: {error}"
            else:
                tried = True
                break
    return "" if tried else untried


def _choices(graph: Graph, answered: Answered) -> list[dict[str, Array]]:
    """What inputs other than floating-point numbers may hold; the last resort is what the graph has answered before."""
    kinds = {one.name: NUMPY_TYPES[one.datatype] for one in graph.signature.inputs}
    whole = {name: kind for name, kind in kinds.items() if kind.kind in "biu"}
    some = [{name: np.array(values).astype(kind) for name, kind in whole.items()} for values in INTEGERS]
    return [
        *(some if whole else [{}]),
        {name: answered.inputs[name].ravel() for name in kinds if kinds[name].kind != "f"},
    ]


def _fails_if_unlike(graph: Graph, answered: Answered) -> bool:
    unlike = {**answered.sizes, **{key: 2 + i for i, key in enumerate(graph.dimensions.batch())}}
    try:
        graph.session.run(graph.filled(graph.dimensions.shapes(unlike), "ones"))
    except GraphRefused:
        return True
    return False
