"""May rows of this graph share a batch? Its own words first, then the proof."""

from app.adding.graph import Answered, Graph
from app.independence import tensors
from app.repository.manifest import Batching
from app.runtimes.signature import Bounds
from app.tasks.tensors import RawTensorsConfig, TensorsKernel
from app.tensors import GraphRefused

LARGEST = Batching().max_batch_size
OTHER_SIZE = 3  # of dimensions that vary: at size 1 many operators do nothing


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
        return "the dimension that counts rows has another size than 1"
    if largest < 2:
        return "it takes one row at a time"
    if len(batch) > 1 and not _fails_if_unlike(graph, answered):
        return "the first dimensions of its inputs are different ones"
    others = {key: 1 if key in batch else OTHER_SIZE for key in answered.sizes}
    shapes = [
        {name: shape[1:] for name, shape in graph.dimensions.shapes(sizes).items()}
        for sizes in ([others, answered.sizes] if others != answered.sizes else [others])
    ]
    return tensors.why_unbatched(
        TensorsKernel(config.model_copy(update={"probe": "none"}), {}),
        graph.session,
        graph.program,
        graph.signature.inputs,
        shapes,
        answered.inputs,
        largest,
    )


def _fails_if_unlike(graph: Graph, answered: Answered) -> bool:
    unlike = {**answered.sizes, **{key: 2 + i for i, key in enumerate(graph.dimensions.batch())}}
    try:
        graph.session.run(graph.filled(graph.dimensions.shapes(unlike), "ones"))
    except GraphRefused:
        return True
    return False
