"""Techniques of ONNX Runtime, each of which makes a graph and a batch a Run. Options are those of the service."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from app.runtimes.onnx import CPU, CUDA, CUDA_OPTIONS
from app.tensors import Array, Tensors
from benchmarks.on_gpu.machine import NotHere, Provider
from benchmarks.on_gpu.measuring import Run

PLAIN, BOUND, BOUND_PINNED, BOUND_GRAPH = "onnx", "onnx bound", "onnx bound, pinned", "onnx CUDA graph"
TECHNIQUES = (PLAIN, BOUND, BOUND_PINNED, BOUND_GRAPH)
THREADS = 1  # on the CPU provider, as torch has there


@dataclass(frozen=True, slots=True)
class Feed:
    """A batch and what a run needs besides. `kept`: values on the device that are past inputs and present outputs, by
    the names of both. `on_host`: inputs that the graph wants in the host's memory."""

    batch: Tensors
    kept: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    on_host: frozenset[str] = frozenset()


def opened(path: Path, provider: Provider, *, fixed: Mapping[str, int] | None = None, captures: bool = False) -> Any:
    """A session. `fixed`: sizes of dimensions by name. `captures`: its runs become a CUDA graph.

    Raises NotHere if the device is not used, and what ONNX Runtime raises.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, size in (fixed or {}).items():
        options.add_free_dimension_override_by_name(name, size)
    if provider == "cpu":
        return ort.InferenceSession(str(path), options, providers=[CPU])
    own = {**CUDA_OPTIONS, "enable_cuda_graph": "1"} if captures else CUDA_OPTIONS
    session = ort.InferenceSession(str(path), options, providers=[(CUDA, own), CPU], enable_fallback=0)
    if CUDA not in session.get_providers():
        raise NotHere("onnxruntime has a CUDA provider, but its libraries or the device were not found")
    return session


def prepared(technique: str, path: Path, feed: Feed, provider: Provider, fixed: Mapping[str, int]) -> Run:
    """Raises NotHere, and what ONNX Runtime raises."""
    return MAKERS[technique](path, feed, provider, fixed)


def _plain(path: Path, feed: Feed, provider: Provider, fixed: Mapping[str, int]) -> Run:
    if feed.kept:
        raise NotHere("keys and values are bound: copied at each step they would be most of the time")
    session, batch = opened(path, provider), dict(feed.batch)

    def run() -> Array:
        answer: Array = session.run(None, batch)[0]
        return answer

    return run


def _bound(path: Path, feed: Feed, provider: Provider, fixed: Mapping[str, int]) -> Run:
    return bound(opened(path, provider), feed, provider, feed.batch)


def _bound_pinned(path: Path, feed: Feed, provider: Provider, fixed: Mapping[str, int]) -> Run:
    if provider != "cuda":
        raise NotHere("memory is pinned for a CUDA device")
    import torch

    if not torch.cuda.is_available():
        raise NotHere("memory is pinned by torch, which has no CUDA")
    pinned = {name: torch.from_numpy(array).pin_memory().numpy() for name, array in feed.batch.items()}
    return bound(opened(path, provider), feed, provider, pinned)


def _bound_graph(path: Path, feed: Feed, provider: Provider, fixed: Mapping[str, int]) -> Run:
    if provider != "cuda":
        raise NotHere("a CUDA graph is captured on a CUDA device")
    # All sizes are known, so that nothing of the graph is left to compute shapes on the CPU.
    return bound(opened(path, provider, fixed=fixed, captures=True), feed, provider, feed.batch)


def bound(session: Any, feed: Feed, provider: Provider, sources: Mapping[str, Array]) -> Run:
    """Fixed buffers on the device, into which each run's inputs are copied from `sources`."""
    binding = session.io_binding()
    copied: list[tuple[Any, Array]] = []
    for name, array in sources.items():
        value = ort.OrtValue.ortvalue_from_numpy(array, "cpu" if name in feed.on_host else provider, 0)
        binding.bind_ortvalue_input(name, value)
        if name not in feed.on_host:
            copied.append((value, array))
    for (past, present), value in feed.kept.items():
        binding.bind_ortvalue_input(past, value)
        binding.bind_ortvalue_output(present, value)
    answer = _answer(session, feed, provider)
    binding.bind_ortvalue_output(session.get_outputs()[0].name, answer)

    def run() -> Array:
        for value, array in copied:
            value.update_inplace(array)
        session.run_with_iobinding(binding)
        found: Array = answer.numpy()
        return found

    return run


def _answer(session: Any, feed: Feed, provider: Provider) -> Any:
    """A buffer for the first output: rows, and its own size."""
    rows = len(next(iter(feed.batch.values())))
    shape: Sequence[int] = (rows, session.get_outputs()[0].shape[1])
    return ort.OrtValue.ortvalue_from_shape_and_type(shape, np.float32, provider, 0)


MAKERS: Mapping[str, Callable[[Path, Feed, Provider, Mapping[str, int]], Run]] = {
    PLAIN: _plain,
    BOUND: _bound,
    BOUND_PINNED: _bound_pinned,
    BOUND_GRAPH: _bound_graph,
}
