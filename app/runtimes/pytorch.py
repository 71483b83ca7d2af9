"""Programs exported by `torch.export`, run by PyTorch, which is imported only when the first one is loaded.

Loading runs no code of the file's author: see `archive.py` for what is refused before PyTorch reads it.

An exported program has no tensor names of its own, so they come from its `forward`: inputs are called like its
parameters; outputs like the keys of the dict it returns, or "output" if it returns a tensor, or "output_0",
"output_1", … if it returns a tuple or list.
"""

import io
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.errors import InvalidArtifact, ModelNotReady
from app.runtimes.archive import SAMPLE_INPUTS, check_archive, check_sizes
from app.runtimes.memory import memory_errors
from app.runtimes.options import RuntimeOptions
from app.runtimes.placement import place
from app.runtimes.refusals import refusals
from app.runtimes.signature import Bounds, Signature
from app.tensors import NUMPY_TYPES, Array, Placement, Tensors, TensorSpec

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram

PRECISIONS = ("fp32", "bf16")

_loading = threading.Lock()  # torch reads one program at a time, by a variable of its module


class PytorchSession:
    """A loaded program. Outputs of bfloat16, which numpy lacks, come out as float32."""

    def __init__(self, program: "ExportedProgram", options: RuntimeOptions, placement: Placement) -> None:
        import torch

        self.placement = placement
        self._torch = torch
        self._input_names = input_names(program)
        self._output_names = output_names(program)
        self._in_spec = program.call_spec.in_spec
        # The guards are source code from the file, and not needed: shapes are checked against each input as well.
        self._module = program.module(check_guards=False)
        self._bf16 = options.precision == "bf16"

    def run(self, inputs: Tensors) -> Tensors:
        """Raises GraphRefused and MemoryError; of a device that fails, what PyTorch raises passes through."""
        torch = self._torch
        autocast = torch.autocast(self.placement.device, torch.bfloat16) if self._bf16 else nullcontext()
        with memory_errors(), refusals(), torch.inference_mode(), autocast:
            # A copy, for a program may write to its inputs.
            tensors = [torch.tensor(inputs[name], device=self.placement.device) for name in self._input_names]
            args, kwargs = torch.utils._pytree.tree_unflatten(tensors, self._in_spec)
            outputs = torch.utils._pytree.tree_leaves(self._module(*args, **kwargs))
            arrays = [as_array(torch, output) for output in outputs]
        return dict(zip(self._output_names, arrays, strict=True))

    def trimmed(self) -> AbstractContextManager[None]:
        """Nothing to do: PyTorch keeps no memory on a CPU, and on a GPU shares what it keeps among all programs."""
        return nullcontext()


def load_pytorch(path: Path, options: RuntimeOptions) -> PytorchSession:
    """`options.threads` holds for the process: PyTorch has one setting for all its programs.

    Raises InvalidArtifact if the file is not a program we can run and trust, ModelNotReady if PyTorch is not
    installed or CUDA was demanded in vain.
    """
    if options.precision not in PRECISIONS:
        raise InvalidArtifact(f"a PyTorch program runs in {' or '.join(PRECISIONS)}, not in {options.precision}")
    program = open_program(path)

    import torch
    from torch.export.passes import move_to_device_pass

    torch.set_num_threads(options.threads)
    placement = place(options.device, _cuda_fault)
    if options.precision == "bf16":
        _drop_metadata_asserts(program)
    with memory_errors():
        if placement.device == "cuda":
            torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32: golden examples must hold on every device
            program = move_to_device_pass(program, "cuda")
        return PytorchSession(program, options, placement)


def signature_of_pytorch(path: Path) -> Signature:
    """Return the program's own word on its tensors. Raises InvalidArtifact for tensors that have no V2 datatype."""
    import torch

    program = open_program(path)
    datatypes = {getattr(torch, str(kind)): name for name, kind in NUMPY_TYPES.items() if name != "BYTES"}
    values = {node.name: node.meta["val"] for node in program.graph.nodes if "val" in node.meta}

    def described(names: Sequence[str], nodes: Sequence[Any], known: dict[Any, Any]) -> tuple[TensorSpec, ...]:
        tensors = []
        for name, node in zip(names, nodes, strict=True):
            value = values.get(node)
            if not isinstance(value, torch.Tensor):
                raise InvalidArtifact(f"{path.name}: {name} is no tensor; export it with tensors in and out")
            if value.dtype not in known:
                raise InvalidArtifact(f"{path.name}: {name} is a {value.dtype} tensor, which has no V2 datatype")
            shape = tuple(size if isinstance(size, int) else -1 for size in value.shape)
            tensors.append(TensorSpec(name=name, datatype=known[value.dtype], shape=shape))
        return tuple(tensors)

    signature = program.graph_signature
    return Signature(
        described(input_names(program), signature.user_inputs, datatypes),
        described(output_names(program), signature.user_outputs, datatypes | {torch.bfloat16: "FP32"}),
        {
            name: tuple("" if isinstance(size, int) else str(size) for size in values[name].shape)
            for name in input_names(program)
        },
        {str(size): _bounds(limits) for size, limits in program.range_constraints.items()},
    )


def _bounds(limits: Any) -> Bounds:
    """Export assumes that a size is at least 2, but programs run at 1 as well unless that was asked for."""
    least, most = (int(one) if one.is_Integer else None for one in (limits.lower, limits.upper))
    return Bounds(least if least and least > 2 else 0, most)


def open_program(path: Path) -> "ExportedProgram":
    """Check the archive, then load it on the CPU. Raises InvalidArtifact, or ModelNotReady without PyTorch."""
    try:
        import torch
        from torch.export.pt2_archive import PT2ArchiveReader

        # Not torch.export.load: that falls back to an older, pickled format if this one fails.
        from torch.export.pt2_archive._package import load_pt2
    except ImportError as error:
        raise ModelNotReady(f"{path.name} is a PyTorch program, and PyTorch is not installed") from error
    try:
        with memory_errors(), PT2ArchiveReader(str(path)) as reader:
            check_sizes(path, reader.get_file_names())
            check_archive(reader.get_file_names(), reader.read_bytes)
            samples = reader.read_bytes(SAMPLE_INPUTS)
            if samples:
                # Only plain tensors pass; where this fails, the loader would try again with pickle.
                torch.load(io.BytesIO(samples), weights_only=True)
            with _loading:
                program = load_pt2(str(path)).exported_programs["model"]
        output_names(program)
    except (InvalidArtifact, MemoryError):
        raise
    except Exception as error:
        reason = str(error).replace(f"{path.parent}/", "")  # callers are shown it, and need not know the folder
        raise InvalidArtifact(f"{path.name} is not an exported program that can be run: {reason}") from error
    if changed := changed_state(program):
        raise InvalidArtifact(
            f"{path.name} changes its own state when it runs ({', '.join(changed)}), so answers would depend on "
            "earlier requests; export it in evaluation mode"
        )
    return program


def input_names(program: "ExportedProgram") -> list[str]:
    return list(program.graph_signature.user_inputs)


def output_names(program: "ExportedProgram") -> list[str]:
    spec = program.call_spec.out_spec
    if spec.is_leaf():
        return ["output"]
    if not all(child.is_leaf() for child in spec.children()):
        raise ValueError("it must return a tensor, or a dict, tuple or list of tensors")
    if spec.type in (tuple, list):
        return [f"output_{i}" for i in range(spec.num_children)]
    return list(spec.context)


def changed_state(program: "ExportedProgram") -> list[str]:
    """The buffers and weights that a run writes to, whether export noted it or left the writing operator as it is."""
    signature = program.graph_signature
    changed = set(signature.buffers_to_mutate.values())
    views = signature.inputs_to_buffers | signature.inputs_to_parameters  # name of a node to the state it looks into
    for node in program.graph.nodes:
        if node.op != "call_function" or not hasattr(node.target, "_schema"):
            continue
        for argument, value in zip(node.target._schema.arguments, node.args, strict=False):
            state = views.get(getattr(value, "name", ""))
            if state is not None and argument.alias_info is not None:
                views[node.name] = state
                if argument.alias_info.is_write:
                    changed.add(state)
    return sorted(changed)


def _cuda_fault() -> str | None:
    import torch

    if torch.version.cuda is None:
        return "this PyTorch build has no CUDA"
    if not torch.cuda.is_available():
        return "PyTorch has CUDA, but no device was found"
    try:
        torch.zeros(1, device="cuda").sum().item()
    except Exception as error:
        return f"PyTorch has CUDA and there is a device, but it cannot be used: {error}"
    return None


def _drop_metadata_asserts(program: "ExportedProgram") -> None:
    """Export notes the type of every tensor it converts and asserts it again; under autocast they differ."""
    import torch

    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in list(module.graph.nodes):
                if node.target is torch.ops.aten._assert_tensor_metadata.default:
                    module.graph.erase_node(node)
            module.recompile()


def as_array(torch: Any, output: "torch.Tensor") -> Array:
    output = output.detach().cpu()
    if output.dtype == torch.bfloat16:
        output = output.float()
    array: Array = np.ascontiguousarray(output.numpy())
    return array.reshape(output.shape)  # numpy makes a contiguous scalar a vector
