"""Find out, by running it, how a graph wants to be asked: at which sizes, with what, and whether in batches."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.adding.dimensions import Dimensions, Key, dimensions_of
from app.adding.sizes import SIZES, Sizes, sizes_to_try
from app.errors import InvalidArtifact
from app.independence.proof import why_dependent
from app.independence.rows import some_rows
from app.independence.together import Untried
from app.repository.manifest import Batching
from app.runtimes.program import Program
from app.runtimes.signature import Bounds, GraphTensor, Signature
from app.tasks.tensors import FILLINGS, Filling, RawTensors, RawTensorsConfig, TensorField, filled
from app.tensors import Array, GraphRefused, Session, Tensors

LARGEST = Batching().max_batch_size
OTHER_SIZE = 3  # at which rows are tried as well: at size 1 many operators do nothing
NUM_ROWS = 5
SEEDS = (0, 1, 2)  # so that each row is once the largest, the smallest, the negative one


@dataclass(frozen=True, slots=True)
class Opened:
    """A graph that can be run: as a whole, and operator by operator."""

    signature: Signature
    session: Session
    program: Callable[[], Program]


@dataclass(frozen=True, slots=True)
class Finding:
    """How a graph is served. `unbatched` says why its rows share no batch, and is empty if they do."""

    config: RawTensorsConfig
    largest: int
    unbatched: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """Sizes and a filling at which the graph answered."""

    sizes: Sizes
    filling: Filling
    answer: Tensors


def find_config(file: str, opened: Opened, given: Sizes) -> Finding:
    """Raises InvalidArtifact if the graph runs on nothing that was tried, InvalidInput for an unlawful size."""
    signature = opened.signature
    if not signature.inputs or not signature.outputs:
        raise InvalidArtifact(f"{file} has no inputs or no outputs")
    dimensions = dimensions_of(signature)
    dimensions.require_known(given)
    batch = [key for key in dimensions.batch() if key not in given]
    answered, fault = _first_answer(opened, dimensions, {**dict.fromkeys(batch, 1), **given})
    if answered is None and batch:
        answered, fault = _first_answer(opened, dimensions, given)
    if answered is None:
        raise InvalidArtifact(_not_runnable(file, dimensions, fault))
    largest = min([LARGEST, *(bounds.most for key in batch if (bounds := dimensions.bounds.get(key, Bounds())).most)])
    unbatched = why_unbatched(opened, dimensions, batch, answered, largest)
    return Finding(_config(signature, dimensions, answered, batched=not unbatched), largest, unbatched)


def why_unbatched(
    opened: Opened, dimensions: Dimensions, batch: Sequence[Key], answered: "Answered", largest: int
) -> str:
    """Return in words why rows of this graph may not share a batch, "" if they may."""
    sizes = answered.sizes
    if not batch:
        return "its inputs have no first dimension in common that counts rows"
    if any(sizes[key] != 1 for key in batch):
        return "it does not run on a single row"
    if largest < 2:
        return "it takes one row at a time"
    if len(batch) > 1 and not _fails_if_unlike(opened, dimensions, batch, sizes):
        return "the first dimensions of its inputs are different ones"
    task = RawTensors(_config(opened.signature, dimensions, answered, batched=True), {})
    program = opened.program()
    untried, tried = "", False
    for each in (dict(sizes), {key: 1 if key in batch else OTHER_SIZE for key in sizes}):
        shapes = {name: shape[1:] for name, shape in dimensions.shapes(each).items()}
        for seed in SEEDS:
            rows = some_rows(opened.signature.inputs, shapes, NUM_ROWS, seed)
            try:
                if fault := why_dependent(task, {"model": opened.session}, {"model": program}, rows, largest):
                    return fault
            except Untried as error:
                untried = untried or f"a row cannot be answered alone: {error}"
                break
            tried = True
    return "" if tried else untried


def _not_runnable(file: str, dimensions: Dimensions, fault: str) -> str:
    if not dimensions.keys:
        return f"{file} cannot be run on ones or zeros: {fault}"
    sizes = " ".join(f"--size '{key}=3'" for key in dimensions.keys)
    return f"{file} cannot be run on ones of any size up to {SIZES[-1]}: {fault}; say the right sizes, as in {sizes}"


def _fails_if_unlike(opened: Opened, dimensions: Dimensions, batch: Sequence[Key], sizes: Sizes) -> bool:
    unlike = {**sizes, **{key: 2 + i for i, key in enumerate(batch)}}
    try:
        opened.session.run(_inputs(opened.signature.inputs, dimensions.shapes(unlike), "ones"))
    except GraphRefused:
        return True
    return False


def _first_answer(opened: Opened, dimensions: Dimensions, given: Sizes) -> tuple["Answered | None", str]:
    """The smallest sizes at which something comes out, else at which the graph runs, else the first thing it says."""
    fault, empty = "", None
    for tried, sizes in enumerate(sizes_to_try(dimensions, given, ())):
        if empty and tried >= len(SIZES):
            break
        for filling in FILLINGS:
            try:
                answer = opened.session.run(_inputs(opened.signature.inputs, dimensions.shapes(sizes), filling))
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
