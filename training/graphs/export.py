"""A trained module becomes an ONNX graph, and is measured against what it was."""

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import Tensor, nn
from torch.export import Dim

from app.repository.manifest import Verification
from app.runtimes.onnx import signature_of_onnx
from app.tensors import Array, Tensors
from training.errors import TrainingError
from training.recipe import Exported

OPSET = 18
UNUSED = "graph."  # begins the names of outputs while the exporter names what is inside
NUM_COMPARED = 64  # real inputs, or fewer, that are enough to compare a graph with torch
TOLERANCE = 1e-4  # of fp32, whose sums may be added up in another order


def exported(
    module: nn.Module,
    batch: Tensors,
    path: Path,
    outputs: Sequence[str],
    *,
    tolerance: float = TOLERANCE,
    varying: Mapping[int, Dim] | None = None,
) -> Exported:
    """Write `module` as the graph at `path`, whose inputs are called as those of the real `batch`.

    `outputs` are their names; `varying` the dimensions that vary of every input, by axis: the first, if not given.
    Raises TrainingError if the graph answers `batch` otherwise than torch, by more than `tolerance`.
    """
    to_onnx(
        module,
        [torch.from_numpy(array) for array in batch.values()],
        path,
        input_names=list(batch),
        output_names=outputs,
        dynamic_shapes=[varying or {0: Dim("batch")}] * len(batch),
    )
    return proven(module, path, batch, tolerance=tolerance)


def proven(module: nn.Module, path: Path, batch: Tensors, *, tolerance: float) -> Exported:
    """The graph at `path`, written of `module` by other means, with its tensors as it states them and compared."""
    signature = signature_of_onnx(path)
    found = verify_export(module, path, batch, tolerance=tolerance)
    return Exported(path, signature.inputs, signature.outputs, found)


def to_onnx(
    module: nn.Module,
    example_inputs: Sequence[Tensor],
    path: Path,
    *,
    input_names: Sequence[str],
    output_names: Sequence[str],
    dynamic_shapes: Sequence[Mapping[int, Any] | None],
) -> Path:
    """Write `module` in evaluation mode as one ONNX file and return its path.

    `dynamic_shapes`: for each input the dimensions that vary, as `torch.export.Dim` by axis. An example's varying
    dimensions must be larger than one, or the exporter takes them for constants.
    """
    was_training = module.training
    module.eval()
    with _quiet():
        torch.onnx.export(
            module,
            tuple(example_inputs),
            str(path),
            input_names=list(input_names),
            output_names=[UNUSED + name for name in output_names],
            dynamic_shapes=tuple(dynamic_shapes),
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            verbose=False,
        )
    module.train(was_training)
    model = onnx.load(path)
    remove_traces(model)
    _name_outputs(model, output_names)
    onnx.save(model, path)
    return path


def remove_traces(model: onnx.ModelProto) -> None:
    """Remove what the exporter notes of each node: stack traces, which name the folders of this machine."""
    for graph in _graphs(model):
        for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
            del part.metadata_props[:]


def _name_outputs(model: onnx.ModelProto, names: Sequence[str]) -> None:
    """Give outputs their names, and values inside that are called so, after their operators, others."""
    renamed = {name: f"inner_{name}" for name in names} | {UNUSED + name: name for name in names}
    for graph in _graphs(model):
        for node in graph.node:
            node.input[:] = [renamed.get(name, name) for name in node.input]
            node.output[:] = [renamed.get(name, name) for name in node.output]
        for value in (*graph.output, *graph.value_info, *graph.initializer):
            value.name = renamed.get(value.name, value.name)


def _graphs(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """Yield the graph of `model`, and those inside its operators."""
    graphs = [model.graph]
    while graphs:
        graph = graphs.pop()
        yield graph
        attributes = [attribute for node in graph.node for attribute in node.attribute]
        graphs += [attribute.g for attribute in attributes if attribute.HasField("g")]


def verify_export(module: nn.Module, path: Path, inputs: Tensors, *, tolerance: float) -> Verification:
    """Compare torch with the graph at `path` on every row of the real batch `inputs`, alone and all together.

    `inputs` are in the order of the module's arguments. Raises TrainingError if any output differs by more than
    `tolerance` (absolute), which is also what happens with nan.
    """
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rows = len(next(iter(inputs.values())))
    alone = _largest(
        _difference(module, session, {name: array[row : row + 1] for name, array in inputs.items()})
        for row in range(rows)
    )
    together = _difference(module, session, inputs)
    for difference in (alone, together):
        if not difference <= tolerance:
            raise TrainingError(f"the exported graph differs from torch by {difference:.2g}, more than {tolerance:g}")
    return Verification(batch_1=alone, batch_n=together, n=rows, inputs=rows)


def _difference(module: nn.Module, session: ort.InferenceSession, batch: Tensors) -> float:
    names = [output.name for output in session.get_outputs()]
    found = [0.0]
    for name, ours, theirs in zip(names, _outputs(module, batch), session.run(names, dict(batch)), strict=True):
        if ours.shape != theirs.shape:
            raise ValueError(f"{name} answers shape {theirs.shape} where torch answers {ours.shape}")
        found.append(float(np.abs(ours.astype(np.float64) - theirs).max()))
    return _largest(found)


def _largest(numbers: Iterable[float]) -> float:
    """nan if one of them is; max() may lose it."""
    return float(np.max(list(numbers)))


def _outputs(module: nn.Module, batch: Tensors) -> list[Array]:
    was_training = module.training
    module.eval()
    with torch.inference_mode():
        outputs = module(*(torch.from_numpy(array) for array in batch.values()))
    module.train(was_training)
    return [output.numpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]


@contextmanager
def _quiet() -> Iterator[None]:
    """Exporters warn of their own deprecated calls and of packages nobody asked for; no recipe can change that."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
