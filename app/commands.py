"""What one can do from the command line besides serving."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile

import numpy as np

from app.errors import InvalidArtifact, InvalidInput
from app.repository.golden import difference
from app.repository.manifest import Batching, Golden, Manifest, Provenance, TensorSpec, is_model_name
from app.repository.publish import publish
from app.runtimes import RUNTIMES
from app.runtimes.onnx import signature_of_onnx
from app.runtimes.options import RuntimeOptions
from app.runtimes.pytorch import signature_of_pytorch
from app.runtimes.signature import GraphTensor, Signature
from app.tasks.base import predict_alone, to_json
from app.tasks.tensors import RawTensors, RawTensorsConfig, RawTensorsParameters, TensorField, TensorsInput, as_lists
from app.tensors import Array, Session, Tensors

PROBE_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
MAX_PROBE_NUMBERS = 20_000_000
MAX_GOLDEN_NUMBERS = 10_000  # a manifest and a page of documentation hold them


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file that can be added."""

    runtime: str
    signature_of: Callable[[Path], Signature]


FORMATS = {".onnx": Format("onnx", signature_of_onnx), ".pt2": Format("pytorch", signature_of_pytorch)}


def add_model(file: Path, name: str, models: Path) -> Manifest:
    """Publish a graph under `models` as the next version of `name`, a model of the task "tensors".

    Its signature is read from the file, and what the file does not tell is found by running it on ones: how large
    varying dimensions must be, whether rows may share a batch, and one golden example. Weights that an ONNX file
    keeps in `<file>.data` beside it come along.

    Raises InvalidInput for a bad name and InvalidArtifact for a file that cannot be served; nothing is published then.
    """
    if not is_model_name(name):
        raise InvalidInput(f"{name!r} is not a model's name: lower-case letters and digits, joined by - _ or .")
    if not file.is_file():
        raise InvalidArtifact(f"{file} is not a file")
    if file.suffix not in FORMATS:
        raise InvalidArtifact(f"{file.name}: only {' and '.join(FORMATS)} files can be added")
    kind = FORMATS[file.suffix]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tessera-") as folder:
        # Opened where only these files are, so that what works here works in the repository.
        files = {one.name: Path(folder) / one.name for one in (file, Path(f"{file}.data")) if one.is_file()}
        for artifact, copy in files.items():
            copyfile(file.parent / artifact, copy)
        graph = files[file.name]
        signature = kind.signature_of(graph)
        session = RUNTIMES[kind.runtime](graph, RuntimeOptions(device="cpu"))
        config = find_config(file.name, signature, session)
        golden, limits = golden_example(RawTensors(config, {}), session)
        return publish(
            models,
            name,
            files,
            task=RawTensors.name,
            description=f"{file.name}, served as it is: tensors in, tensors out.",
            runtime=kind.runtime,
            graphs={"model": file.name},
            inputs=tuple(map(_spec, config.inputs)),
            outputs=tuple(map(_spec, config.outputs)),
            config=config.model_dump(mode="json"),
            batching=Batching() if config.batched else Batching(max_batch_size=1),
            limits=limits,
            golden=golden,
            provenance=Provenance(
                recipe="models add",
                command=f"python -m app models add {file.name} --name {name}",
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                duration_s=round(time.monotonic() - started, 1),
            ),
        )


def find_config(file: str, signature: Signature, session: Session) -> RawTensorsConfig:
    """The first config under which the graph answers: batched if that is right, at the smallest size that works."""
    if not signature.inputs or not signature.outputs:
        raise InvalidArtifact(f"{file} has no inputs or no outputs")
    fault, empty = "", None
    for inputs, batched, size in _candidates(signature):
        try:
            answer = _answer(inputs, batched, size, session)
        except MemoryError:
            raise
        except Exception as error:  # whatever the graph has against this size
            fault = fault or str(error)
            continue
        if answer is None:
            continue
        outputs = [_described(tensor, answer[tensor.name], batched) for tensor in signature.outputs]
        config = RawTensorsConfig(inputs=inputs, outputs=outputs, batched=batched, probe_size=size)
        if all(array.size for array in answer.values()):
            return config
        # Nothing came out: too small to convolve, or nothing to detect in ones.
        empty = empty or config
    if empty is None:
        raise InvalidArtifact(f"{file} cannot be run on ones of any size up to {PROBE_SIZES[-1]}: {fault}")
    return empty


def golden_example(task: RawTensors, session: Session) -> tuple[tuple[Golden, ...], tuple[str, ...]]:
    """The answer to ones, as a golden example; or none, and in words why not."""
    item = TensorsInput({name: as_lists(array) for name, array in task.probe(1).items()})
    first, second = (predict_alone(task, {"model": session}, item, RawTensorsParameters()) for _ in range(2))
    arrays = [np.asarray(value) for value in [*item.root.values(), *first.root.values()]]
    count = sum(array.size for array in arrays)
    if count > MAX_GOLDEN_NUMBERS:
        return (), (f"Has no golden example: it would be {count} numbers.",)
    # Rounding differs between processors in proportion to the numbers.
    numbers = [np.abs(array[np.isfinite(array)]) for array in arrays if array.dtype.kind in "fiu"]
    tolerance = 1e-4 * max([1.0, *(float(array.max(initial=0)) for array in numbers)])
    if difference(to_json(first), to_json(second), tolerance):
        return (), ("Has no golden example: it gives another answer each time.",)
    return (Golden(input=item.root, output=to_json(first), tolerance=tolerance),), ()


def _candidates(signature: Signature) -> Iterator[tuple[list[TensorField], bool, int]]:
    inputs = [TensorField(**tensor._asdict()) for tensor in signature.inputs]
    varies = any(-1 in tensor.shape for tensor in inputs)
    for batched in (True, False):
        if batched and any(tensor.shape[:1] != (-1,) for tensor in inputs):
            continue
        for size in PROBE_SIZES if varies else PROBE_SIZES[:1]:
            numbers = (np.prod([size if one < 0 else one for one in tensor.shape]) for tensor in inputs)
            if sum(numbers) <= MAX_PROBE_NUMBERS:
                yield inputs, batched, size


def _answer(inputs: list[TensorField], batched: bool, size: int, session: Session) -> Tensors | None:
    """What the graph answers to ones; None if it is asked for a batch and its rows depend on each other."""
    task = RawTensors(RawTensorsConfig(inputs=inputs, outputs=inputs, batched=batched, probe_size=size), {})
    ones = task.probe(1)
    alone = session.run(task.collate([ones]))
    if not batched:
        return alone
    zeros = {name: array if array.dtype == np.object_ else np.zeros_like(array) for name, array in ones.items()}
    singles = alone, session.run(task.collate([zeros]))
    # In both orders: a row may depend on those after it only, and not notice zeros.
    for order in ((0, 1), (1, 0)):
        both = session.run(task.collate([(ones, zeros)[i] for i in order]))
        for name, array in both.items():
            for row, i in enumerate(order):
                single = singles[i][name]
                if array.ndim == 0 or len(array) != 2 or len(single) != 1 or not _alike(array[row], single[0]):
                    return None
    return alone


def _alike(a: Array, b: Array) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype.kind not in "fiu":
        return np.array_equal(a, b)
    return np.allclose(a, b, rtol=1e-2, atol=1e-3, equal_nan=True)


def _described(tensor: GraphTensor, array: Array, batched: bool) -> TensorField:
    """What the file says of an output, corrected by what came out: a file may leave the shape open."""
    shape = tensor.shape if len(tensor.shape) == array.ndim else (-1,) * array.ndim
    return TensorField(name=tensor.name, datatype=tensor.datatype, shape=(-1, *shape[1:]) if batched else shape)


def _spec(tensor: TensorField) -> TensorSpec:
    return TensorSpec(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
