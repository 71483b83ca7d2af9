"""ONNX graphs, run by ONNX Runtime. The only file of the service that knows it.

Loading runs no code of the file's author: no custom operator library is ever registered, and ONNX Runtime
itself refuses tensors that are stored outside the file's folder.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from app.errors import InvalidArtifact
from app.runtimes.arena import open_arena
from app.runtimes.interrupt import interruptible
from app.runtimes.memory import memory_errors
from app.runtimes.onnx_decoder import OnnxDecoder
from app.runtimes.onnx_sequence import OnnxSequenceDecoder
from app.runtimes.options import RuntimeOptions
from app.runtimes.placement import place
from app.runtimes.refusals import refusals
from app.runtimes.signature import Signature
from app.tensors import Array, Datatype, Placement, Tensors, TensorSpec

FATAL = 4  # the highest of its severities
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

# What it writes to stderr by itself has not the form of our log; what goes wrong is raised as well.
ort.set_default_logger_severity(FATAL)

LOCALE = re.compile(r"Failed to construct locale with name:([\w.@-]+)")  # what StringNormalizer folds case by

CUDA_OPTIONS = {
    "arena_extend_strategy": "kSameAsRequested",  # the default doubles, and soon holds memory nobody uses
    "cudnn_conv_algo_search": "HEURISTIC",  # the default tunes anew, for seconds, at each new batch shape
    "use_tf32": "0",  # fp32 means fp32: golden examples must hold on every device
}

DATATYPES: dict[str, Datatype] = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}


class OnnxSession:
    """A loaded graph. String tensors go in as object arrays of str or UTF-8 bytes and come out as str."""

    def __init__(self, session: ort.InferenceSession, placement: Placement) -> None:
        self.placement = placement
        self._session = session
        self._names = [output.name for output in session.get_outputs()]
        self._is_trimmed = False

    def run(self, inputs: Tensors) -> Tensors:
        """Raises GraphRefused, MemoryError and Interrupted; of a device that fails, what the runtime raises passes."""
        feed = {name: _as_text(array) if array.dtype == np.object_ else array for name, array in inputs.items()}
        options = ort.RunOptions()
        if self._is_trimmed:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", f"{self._memory}:0")

        def end() -> None:
            options.terminate = True  # looked at before each node, also of a loop's body

        with interruptible(end), memory_errors(), refusals():
            outputs = self._session.run(self._names, feed, options)
        return dict(zip(self._names, outputs, strict=True))

    @contextmanager
    def trimmed(self) -> Iterator[None]:
        """Runs inside give back the memory that they do not need themselves."""
        self._is_trimmed = True
        try:
            yield
        finally:
            self._is_trimmed = False

    @property
    def inference(self) -> ort.InferenceSession:
        """The session of ONNX Runtime itself."""
        return self._session

    def decoder(self, slots: int, capacity: int) -> OnnxDecoder:
        return OnnxDecoder(self._session, slots, capacity)

    def sequence_decoder(self, encoder: "OnnxSession", slots: int, capacity: int, places: int) -> OnnxSequenceDecoder:
        return OnnxSequenceDecoder(encoder.inference, self._session, slots, capacity, places)

    @property
    def _memory(self) -> str:
        return "gpu" if self.placement.device == "cuda" else "cpu"


def load_onnx(path: Path, options: RuntimeOptions) -> OnnxSession:
    """Raises InvalidArtifact if the file is not a graph we can run, ModelNotReady if CUDA was demanded in vain."""
    opened: list[ort.InferenceSession] = []

    def cuda_fault() -> str | None:
        if CUDA not in ort.get_available_providers():
            return "the CUDA provider is not in this onnxruntime build"
        session, fault = open_on_cuda(path, options.threads)
        opened.extend([session] if session else [])
        return fault

    placement = place(options.device, cuda_fault)
    return OnnxSession(opened[0] if opened else _open(path, options.threads, [CPU]), placement)


def open_on_cuda(path: Path, threads: int) -> tuple[ort.InferenceSession | None, str | None]:
    """A session that really uses the GPU, or why there is none.

    ONNX Runtime answers a missing device with an exception and missing CUDA libraries with a session on the
    CPU, so both are looked at.
    """
    ort.preload_dlls()  # finds the CUDA libraries that came as Python packages
    try:
        session = _open(path, threads, [(CUDA, CUDA_OPTIONS), CPU])
    except (InvalidArtifact, MemoryError) as error:
        # If the file itself is at fault, opening it on the CPU says so next.
        return None, f"the CUDA provider is installed, but cannot be used: {error}"
    if CUDA not in session.get_providers():
        return None, "the CUDA provider is installed, but no device was found or its libraries are missing"
    return session, None


def signature_of_onnx(path: Path) -> Signature:
    """Return the graph's own word on its tensors. Raises InvalidArtifact for tensors that have no V2 datatype."""
    session = _open(path, 1, [CPU], ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    inputs = session.get_inputs()
    return Signature(
        _described(path, inputs),
        _described(path, session.get_outputs()),
        {one.name: tuple(size if isinstance(size, str) else "" for size in one.shape) for one in inputs},
    )


def open_part(content: bytes, folder: Path) -> Callable[[Sequence[str], Tensors], list[Any]]:
    """Return what runs a graph that is not in a file: of names of outputs and of inputs by name.

    Its operators run as they are, none fused with another. `folder` holds the weights outside the graph.
    """
    options = _options(1, ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    with memory_errors():
        session = ort.InferenceSession(content, options, providers=[CPU], enable_fallback=0, read_config_from_model=0)

    def run(outputs: Sequence[str], inputs: Tensors) -> list[Any]:
        with memory_errors():
            found: list[Any] = session.run(outputs, inputs)
        return found

    return run


def inline_functions(path: Path, target: Path) -> Path:
    """Write the graph at `path` to `target`, with the operators of its functions in their place."""
    options = _options(1, ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    options.optimized_model_filepath = str(target)
    _session(path, options, [CPU])
    return target


def _open(
    path: Path,
    threads: int,
    providers: Sequence[Any],
    optimizations: ort.GraphOptimizationLevel = ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
) -> ort.InferenceSession:
    return _session(path, _options(threads, optimizations), providers)


def _options(threads: int, optimizations: ort.GraphOptimizationLevel) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = optimizations
    options.log_severity_level = 4  # what goes wrong is raised as well
    # Threads that spin while they wait take the cores of the event loop and of other sessions. Two sessions of
    # two threads on two busy cores made 599 runs/s with it and 1367 without, for a quarter of the CPU time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    open_arena()
    options.add_session_config_entry("session.use_env_allocators", "1")
    # Or the file's name and metadata could choose another format and other options than these.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def _session(path: Path, options: ort.SessionOptions, providers: Sequence[Any]) -> ort.InferenceSession:
    try:
        with memory_errors():
            return ort.InferenceSession(
                str(path), options, providers=list(providers), enable_fallback=0, read_config_from_model=0
            )
    except MemoryError:
        raise
    except Exception as error:  # its exception types are made at run time and share no base
        reason = str(error).replace(f"{path.parent}/", "")  # callers are shown it, and need not know the folder
        if missing := LOCALE.search(reason):
            raise InvalidArtifact(
                f"{path.name} needs the locale {missing[1]}, which this machine lacks; on Debian: apt-get install "
                f"locales && localedef -i {missing[1].partition('.')[0]} -f UTF-8 {missing[1]}"
            ) from error
        raise InvalidArtifact(f"{path.name} is not an ONNX graph that can be run: {reason}") from error


def _described(path: Path, tensors: Sequence[Any]) -> tuple[TensorSpec, ...]:
    unknown = [tensor for tensor in tensors if tensor.type not in DATATYPES]
    if unknown:
        raise InvalidArtifact(f"{path.name}: {unknown[0].name} is a {unknown[0].type}, which has no V2 datatype")
    return tuple(
        TensorSpec(
            name=tensor.name,
            datatype=DATATYPES[tensor.type],
            shape=tuple(size if isinstance(size, int) and size >= 0 else -1 for size in tensor.shape),
        )
        for tensor in tensors
    )


def _as_text(array: Array) -> Array:
    """ONNX Runtime would read bytes as their Python source, b'...'."""
    texts = [one.decode() if isinstance(one, bytes) else one for one in array.ravel().tolist()]
    return np.array(texts, np.object_).reshape(array.shape)
