"""Techniques of torch, each of which makes a module and a batch a Run."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from app.tensors import Tensors
from benchmarks.on_gpu.machine import NotHere, Provider
from benchmarks.on_gpu.measuring import Run

EAGER, COMPILED, PINNED, GRAPH, RESIDENT = "eager", "compile", "pinned", "CUDA graph", "on the device"
TECHNIQUES = (EAGER, PINNED, GRAPH, RESIDENT, COMPILED)
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
WARM = 3  # runs before a capture

_compiled: dict[int, tuple[nn.Module, Any]] = {}
"""By the id of a module, with the module: one compilation serves all batches but that of one row."""


def settle(provider: Provider) -> None:
    """Let fp32 be fp32, as the service does. A trial on a CPU keeps to one thread, for others may use its cores."""
    if provider == "cpu":
        torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def synchronise(provider: Provider) -> None:
    """Raises what the device has left to raise: after some errors it takes no further work in this process."""
    if provider == "cuda":
        torch.cuda.synchronize()


def compiled(module: nn.Module, provider: Provider) -> Any:
    """For batches of any size, by the default backend; a trial on a CPU only traces, for to compile takes minutes."""
    if id(module) not in _compiled:
        backend = "inductor" if provider == "cuda" else "eager"
        _compiled[id(module)] = module, torch.compile(module, dynamic=True, backend=backend)
    return _compiled[id(module)][1]


def prepared(technique: str, module: nn.Module, batch: Tensors, provider: Provider) -> Run:
    """Raises NotHere, and whatever torch raises."""
    tensors = [torch.from_numpy(array) for array in batch.values()]
    return MAKERS[technique](module, tensors, provider)


def _eager(module: Callable[..., Tensor], tensors: list[Tensor], provider: Provider) -> Run:
    @torch.inference_mode()
    def run() -> Any:
        return module(*(one.to(provider) for one in tensors)).cpu().numpy()

    return run


def _pinned(module: nn.Module, tensors: list[Tensor], provider: Provider) -> Run:
    """Copies to and from memory that the card reads and writes by itself."""
    if provider != "cuda":
        raise NotHere("memory is pinned for a CUDA device")
    given = [one.pin_memory() for one in tensors]
    with torch.inference_mode():
        answer = module(*(one.to(provider) for one in tensors))
    kept = torch.empty(answer.shape, dtype=answer.dtype, pin_memory=True)

    @torch.inference_mode()
    def run() -> Any:
        kept.copy_(module(*(one.to(provider, non_blocking=True) for one in given)), non_blocking=True)
        torch.cuda.current_stream().synchronize()
        return kept.numpy()

    return run


def _graph(module: nn.Module, tensors: list[Tensor], provider: Provider) -> Run:
    """The kernels of one shape, captured once and launched together; copies are pinned."""
    if provider != "cuda":
        raise NotHere("a CUDA graph is captured on a CUDA device")
    given = [one.pin_memory() for one in tensors]
    fixed = [one.to(provider) for one in tensors]
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.inference_mode(), torch.cuda.stream(aside):
        for _ in range(WARM):
            module(*fixed)
    torch.cuda.current_stream().wait_stream(aside)
    captured = torch.cuda.CUDAGraph()
    with torch.inference_mode(), torch.cuda.graph(captured):
        answer = module(*fixed)
    kept = torch.empty(answer.shape, dtype=answer.dtype, pin_memory=True)

    @torch.inference_mode()
    def run() -> Any:
        for target, source in zip(fixed, given, strict=True):
            target.copy_(source, non_blocking=True)
        captured.replay()
        kept.copy_(answer, non_blocking=True)
        torch.cuda.current_stream().synchronize()
        return kept.numpy()

    return run


def _resident(module: nn.Module, tensors: list[Tensor], provider: Provider) -> Run:
    """The same as eager without copies of inputs; and nothing comes back: the clock waits for the device.

    The first run returns all of them, to be compared.
    """
    given = [one.to(provider) for one in tensors]
    was_compared = False

    @torch.inference_mode()
    def run() -> Any:
        nonlocal was_compared
        answer = module(*given)
        if was_compared:
            synchronise(provider)
            return None
        was_compared = True
        return answer.cpu().numpy()

    return run


def _compile(module: nn.Module, tensors: list[Tensor], provider: Provider) -> Run:
    return _eager(compiled(module, provider), tensors, provider)


MAKERS: Mapping[str, Callable[[Any, list[Tensor], Provider], Run]] = {
    EAGER: _eager,
    PINNED: _pinned,
    GRAPH: _graph,
    RESIDENT: _resident,
    COMPILED: _compile,
}
