"""Images and texts: networks that read a batch and answer it at once."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

from app.tensors import Tensors
from benchmarks.on_gpu.cells import Cell
from benchmarks.on_gpu.machine import NotHere, Provider, onnx_fault, torch_fault
from benchmarks.on_gpu.measuring import Run
from benchmarks.on_gpu.sizes import Sizes

TORCH = ("eager", "pinned", "CUDA graph", "on the device", "compile")
ONNX = ("onnx", "onnx bound", "onnx bound, pinned", "onnx CUDA graph")
NO_BF16 = "graphs are written in fp32 and fp16"


class EncoderPart:
    """A network as a module and as a graph. `batch_of` makes its inputs of a shape and so many rows."""

    def __init__(
        self,
        shapes: Sequence[str],
        batches: Sequence[int],
        provider: Provider,
        *,
        make: Callable[[], Any],
        write: Callable[[Any, Path], Path],
        stem: Path,
        batch_of: Callable[[str, int], Tensors],
        fixed_of: Callable[[str, int], dict[str, int]],
        techniques: Sequence[str] = (*TORCH, *ONNX),
    ) -> None:
        self.pairs, self.techniques = [*product(shapes, batches)], techniques
        self._provider, self._make, self._write, self._stem = provider, make, write, stem
        self._batch_of, self._fixed_of = batch_of, fixed_of
        self._module = cache(self._module_in)

    def prepared(self, cell: Cell) -> Run:
        if fault := torch_fault(self._provider):  # both begin with its module
            raise NotHere(fault)
        batch = self.batch(cell)
        if cell.technique in ONNX:
            return self._with_onnx(cell, batch)
        from benchmarks.on_gpu import with_torch

        return with_torch.prepared(cell.technique, self._module(cell.precision), batch, self._provider)

    def _with_onnx(self, cell: Cell, batch: Tensors) -> Run:
        if fault := onnx_fault(self._provider):
            raise NotHere(fault)
        from benchmarks.on_gpu import with_onnx

        path = self.graph(cell.precision)
        fixed = self._fixed_of(cell.shape, cell.batch)
        return with_onnx.prepared(cell.technique, path, with_onnx.Feed(batch), self._provider, fixed)

    def batch(self, cell: Cell) -> Tensors:
        return self._batch_of(cell.shape, cell.batch)

    def graph(self, precision: str) -> Path:
        """Raises NotHere."""
        if precision == "bf16":
            raise NotHere(NO_BF16)
        from benchmarks.on_gpu import networks

        write = partial(self._write, self._make())
        return networks.graph_of(precision, write, self._stem, as_they_are=["logits", "probabilities"])

    def _module_in(self, precision: str) -> Any:
        from benchmarks.on_gpu.with_torch import DTYPES, settle

        settle(self._provider)
        return self._make().to(self._provider, DTYPES[precision])

    def ensure_alive(self) -> None:
        if torch_fault(self._provider) is None:
            from benchmarks.on_gpu.with_torch import synchronise

            synchronise(self._provider)

    def forget(self) -> None:
        if self._provider == "cuda":
            import torch

            torch.cuda.empty_cache()


def images(sizes: Sizes, provider: Provider, folder: Path) -> EncoderPart:
    from benchmarks.on_gpu import networks

    return EncoderPart(
        (f"{sizes.side} pixels",),
        sizes.batches,
        provider,
        make=partial(networks.photo_classifier, sizes.side, sizes.blocks),
        write=lambda module, path: networks.write_photo_graph(module, path, sizes),
        stem=folder / f"photos-{sizes.side}",
        batch_of=lambda shape, rows: networks.photos(rows, sizes.side),
        fixed_of=lambda shape, rows: {"batch": rows},
    )


def texts(sizes: Sizes, provider: Provider, folder: Path) -> EncoderPart:
    from benchmarks.on_gpu import networks

    tokens = {f"{count} tokens": count for count in sizes.tokens}
    return EncoderPart(
        tuple(tokens),
        sizes.batches,
        provider,
        make=partial(networks.text_classifier, sizes.bert),
        write=lambda module, path: networks.write_text_graph(module, path, sizes),
        stem=folder / f"texts-{sizes.bert.width}",
        batch_of=lambda shape, rows: networks.texts(rows, tokens[shape], sizes.bert),
        fixed_of=lambda shape, rows: {"batch": rows, "tokens": tokens[shape]},
    )
