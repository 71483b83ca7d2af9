"""Find out, by running it, how a graph wants to be asked: at which sizes, with what, and whether in batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from app.adding.batching import largest_batch, why_unbatched
from app.adding.examples import inputs_of
from app.adding.graph import Answered, Graph
from app.adding.progress import OperatorProgress
from app.adding.sizes import SIZES, Sizes, SizeSearch
from app.errors import InvalidArtifact, InvalidInput
from app.independence.tensors import PROOF
from app.tasks.tensors import FILLINGS, RawTensorsConfig
from app.tensors import GraphRefused, Tensors, TensorSpec

SEARCH_S = 6.0  # for sizes that the graph answers: whoever adds it waits, and names them himself if none are found


@dataclass(frozen=True, slots=True)
class Finding:
    """A way to serve a graph. `row` is one that it answers, if any is known; `unbatched` says why it has no batches."""

    config: RawTensorsConfig
    row: Tensors | None
    largest: int
    unbatched: str
    fault: str = ""


def find(file: str, graph: Graph, sizes: Sizes, example: Tensors | None) -> Finding:
    """Raises InvalidArtifact if the graph runs at no sizes that were tried, InvalidInput for a bad size or example.

    Where it is the content of inputs that it refuses, not their sizes, no `row` is known.
    """
    graph.dimensions.require_known(sizes)
    if example is not None:
        return _found(graph, _answer_to(graph, sizes, example))
    answered, fault = _first_answer(graph, sizes)
    if answered is not None:
        return _found(graph, answered)
    if graph.dimensions.keys and all(one.datatype.startswith("FP") for one in graph.signature.inputs):
        raise InvalidArtifact(
            f"{file} cannot be run on ones of any size up to {SIZES[-1]}: {fault}; say the right sizes, as in "
            + " ".join(f"--size '{key}=3'" for key in graph.dimensions.keys)
        )
    return _unknown(graph, fault)


def _found(graph: Graph, answered: Answered) -> Finding:
    largest = largest_batch(graph)
    batched = _config(graph, answered, batched=True) if graph.dimensions.batch() else None
    unbatched = why_unbatched(graph, answered, batched, largest)
    config = _config(graph, answered, batched=False) if unbatched or batched is None else batched
    row = {name: array[0, ...] if config.batched else array for name, array in answered.inputs.items()}
    return Finding(config, row, largest if config.batched else 1, unbatched)


def _unknown(graph: Graph, fault: str) -> Finding:
    config = RawTensorsConfig(
        inputs=[*graph.signature.inputs],
        outputs=[*graph.signature.outputs],
        batched=False,
        probe="none",
    )
    return Finding(config, None, 1, "no row is known that it answers, so nothing can be said of several", fault)


def _answer_to(graph: Graph, given: Sizes, example: Tensors) -> Answered:
    """Return the answer to the example's first row, if its first dimension counts rows and one row runs."""
    sizes, inputs = inputs_of(graph, given, example)
    batch = graph.dimensions.batch()
    first = {name: array[:1] for name, array in inputs.items()}
    for tried_sizes, tried in [({**sizes, **dict.fromkeys(batch, 1)}, first)] * bool(batch) + [(sizes, inputs)]:
        try:
            return Answered(tried_sizes, "example", tried, graph.session.run(tried))
        except GraphRefused as error:
            fault = str(error)
    raise InvalidInput(f"--example: the graph cannot compute it: {fault}")


def _first_answer(graph: Graph, given: Sizes) -> tuple[Answered | None, str]:
    """The smallest sizes at which something comes out, else at which the graph runs; and what it said first."""
    one_row = {**dict.fromkeys(graph.dimensions.batch(), 1), **given}
    searches = [_search(graph, sizes) for sizes in ([one_row] if one_row == given else [one_row, given])]
    for answered in chain.from_iterable(search.alike() for search in searches):
        if all(array.size for array in answered.answer.values()):
            return answered, ""
    for answered in _in_stages(searches):
        return answered, ""
    return None, searches[0].fault


def _in_stages(searches: list[SizeSearch[Answered]]) -> Iterator[Answered]:
    for search in searches:
        # Nothing came out: too small to convolve, or nothing to detect in ones.
        yield from search.found
    for search in searches:
        yield from search.alike_to_hints()
    for search in searches:
        yield from search.told()
        yield from search.unlike()


def _search(graph: Graph, given: Sizes) -> SizeSearch[Answered]:
    def attempt(sizes: Sizes) -> Answered | str:
        said = ""
        for filling in FILLINGS:
            inputs = graph.filled(graph.dimensions.shapes(sizes), filling)
            try:
                return Answered(sizes, filling, inputs, graph.session.run(inputs))
            except GraphRefused as error:
                said = said or str(error)
        return said

    def progress(sizes: Sizes) -> int:
        return steps.of(graph.filled(graph.dimensions.shapes(sizes), "ones"))

    steps = OperatorProgress(graph)
    return SizeSearch(graph.dimensions, given, attempt, progress, lambda: graph.program.sizes, SEARCH_S)


def _config(graph: Graph, answered: Answered, *, batched: bool) -> RawTensorsConfig:
    first = 1 if batched else 0
    shapes = {name: shape[first:] for name, shape in graph.dimensions.shapes(answered.sizes).items()}
    varying = {
        size
        for one in graph.signature.inputs
        for size, declared in zip(shapes[one.name], one.shape[first:], strict=True)
        if declared < 0
    }
    return RawTensorsConfig(
        inputs=[*graph.signature.inputs],
        outputs=[_described(one, answered.answer[one.name].ndim, batched) for one in graph.signature.outputs],
        batched=batched,
        proof=PROOF if batched else 0,
        probe=answered.filling,
        probe_size=max(min(varying, default=1), 1),
        probe_shapes=shapes if len(varying) > 1 else {},
    )


def _described(tensor: TensorSpec, ndim: int, batched: bool) -> TensorSpec:
    """Return the file's own word on an output, corrected by what came out: a file may leave the shape open."""
    shape = tensor.shape if len(tensor.shape) == ndim else (-1,) * ndim
    return tensor.model_copy(update={"shape": (-1, *shape[1:]) if batched else shape})
