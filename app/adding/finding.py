"""Find out, by running it, how a graph wants to be asked: at which sizes, with what, and whether in batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.adding.dimensions import Dimensions, Key, dimensions_of
from app.adding.sizes import SIZES, Sizes, sizes_to_try
from app.errors import InvalidArtifact
from app.independence.rows import some_rows
from app.independence.together import Untried, fault_together
from app.repository.manifest import Batching
from app.runtimes.signature import GraphTensor, Signature
from app.tasks.tensors import FILLINGS, Filling, RawTensorsConfig, TensorField, filled
from app.tensors import Array, GraphRefused, Session, Tensors

LARGEST = Batching().max_batch_size
OTHER_SIZE = 3  # at which rows are tried as well: at size 1 many operators do nothing
NUM_ROWS = 5
SEEDS = (0, 1, 2)  # so that each row is once the largest, the smallest, the negative one


@dataclass(frozen=True, slots=True)
class Finding:
    """How a graph is served, and why its rows share no batch; `unbatched` is empty if they do."""

    config: RawTensorsConfig
    unbatched: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """Sizes and a filling at which the graph answered."""

    sizes: Sizes
    filling: Filling
    answer: Tensors


def find_config(file: str, signature: Signature, session: Session, given: Sizes) -> Finding:
    """Raises InvalidArtifact if the graph runs on nothing that was tried, InvalidInput for an unlawful size."""
    if not signature.inputs or not signature.outputs:
        raise InvalidArtifact(f"{file} has no inputs or no outputs")
    dimensions = dimensions_of(signature)
    dimensions.require_known(given)
    batch = [key for key in dimensions.batch() if key not in given]
    answered, fault = _first_answer(signature, dimensions, session, {**dict.fromkeys(batch, 1), **given})
    if answered is None and batch:
        answered, fault = _first_answer(signature, dimensions, session, given)
    if answered is None:
        raise InvalidArtifact(_not_runnable(file, dimensions, fault))
    unbatched = (
        why_unbatched(signature, dimensions, session, batch, answered.sizes)
        if batch
        else "its inputs have no first dimension in common that counts rows"
    )
    return Finding(_config(signature, dimensions, answered, batched=not unbatched), unbatched)


def why_unbatched(
    signature: Signature, dimensions: Dimensions, session: Session, batch: Sequence[Key], sizes: Sizes
) -> str:
    """Return in words why rows of this graph may not share a batch, "" if they may."""
    if any(sizes[key] != 1 for key in batch):
        return "it does not run on a single row"
    if len(batch) > 1 and not _fails_if_unlike(signature, dimensions, session, batch, sizes):
        return "the first dimensions of its inputs are different ones"
    others = {key: OTHER_SIZE for key in sizes if key not in batch}
    tried = False
    for rest in dict.fromkeys((tuple(sizes.items()), tuple({**sizes, **others}.items()))):
        shapes = {name: shape[1:] for name, shape in dimensions.shapes(dict(rest)).items()}
        for seed in SEEDS:
            rows = some_rows(signature.inputs, shapes, NUM_ROWS, seed)
            try:
                if fault := fault_together(session.run, rows, _batches(LARGEST)):
                    return fault
            except Untried:
                break
            tried = True
    return "" if tried else "it fails on rows of random numbers, so that nothing can be said about batches of them"


def _not_runnable(file: str, dimensions: Dimensions, fault: str) -> str:
    if not dimensions.keys:
        return f"{file} cannot be run on ones or zeros: {fault}"
    sizes = " ".join(f"--size '{key}=3'" for key in dimensions.keys)
    return f"{file} cannot be run on ones of any size up to {SIZES[-1]}: {fault}; say the right sizes, as in {sizes}"


def _batches(largest: int) -> list[list[int]]:
    return [[0, 1, 2], [2, 1, 0], [1, 2], [i % NUM_ROWS for i in range(largest)]]


def _fails_if_unlike(
    signature: Signature, dimensions: Dimensions, session: Session, batch: Sequence[Key], sizes: Sizes
) -> bool:
    unlike = {**sizes, **{key: 2 + i for i, key in enumerate(batch)}}
    try:
        session.run(_inputs(signature.inputs, dimensions.shapes(unlike), "ones"))
    except GraphRefused:
        return True
    return False


def _first_answer(
    signature: Signature, dimensions: Dimensions, session: Session, given: Sizes
) -> tuple[Answered | None, str]:
    """The smallest sizes at which something comes out, else at which the graph runs, else the first thing it says."""
    fault, empty = "", None
    for tried, sizes in enumerate(sizes_to_try(dimensions, given, ())):
        if empty and tried >= len(SIZES):
            break
        for filling in FILLINGS:
            try:
                answer = session.run(_inputs(signature.inputs, dimensions.shapes(sizes), filling))
            except MemoryError:
                raise
            except Exception as error:  # whatever the graph has against these
                fault = fault or str(error)
                continue
            if all(array.size for array in answer.values()):
                return Answered(sizes, filling, answer), fault
            # Nothing came out: too small to convolve, or nothing to detect in ones.
            empty = empty or Answered(sizes, filling, answer)
            break
    return empty, fault


def _inputs(inputs: Sequence[GraphTensor], shapes: Mapping[str, Sequence[int]], filling: Filling) -> Tensors:
    return {one.name: filled(one.datatype, shapes[one.name], filling) for one in inputs}


def _config(signature: Signature, dimensions: Dimensions, answered: Answered, *, batched: bool) -> RawTensorsConfig:
    first = 1 if batched else 0
    shapes = {name: shape[first:] for name, shape in dimensions.shapes(answered.sizes).items()}
    varying = {
        size
        for tensor in signature.inputs
        for size, declared in zip(shapes[tensor.name], tensor.shape[first:], strict=True)
        if declared < 0
    }
    return RawTensorsConfig(
        inputs=[TensorField(**tensor._asdict()) for tensor in signature.inputs],
        outputs=[_described(tensor, answered.answer[tensor.name], batched) for tensor in signature.outputs],
        batched=batched,
        probe_size=min(varying, default=1),
        probe_shapes=shapes if len(varying) > 1 else {},
        probe=answered.filling,
    )


def _described(tensor: GraphTensor, array: Array, batched: bool) -> TensorField:
    """What the file says of an output, corrected by what came out: a file may leave the shape open."""
    shape = tensor.shape if len(tensor.shape) == array.ndim else (-1,) * array.ndim
    return TensorField(name=tensor.name, datatype=tensor.datatype, shape=(-1, *shape[1:]) if batched else shape)
