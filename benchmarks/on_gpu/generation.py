"""Text that is written: a prompt that is read, and a step of so many answers after such prompts."""

from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from app.tensors import Array
from benchmarks.on_gpu.cells import Cell
from benchmarks.on_gpu.encoders import NO_BF16, ONNX, TORCH
from benchmarks.on_gpu.machine import NotHere, Provider, onnx_fault, torch_fault
from benchmarks.on_gpu.measuring import Run
from benchmarks.on_gpu.sizes import Sizes

SERVICE = "service's slots"
ON_CPU_ONLY = "the service keeps keys and values in the host's memory, and writes text on the CPU only"


class GenerationPart:
    """Logits of the last token come back to the host from each run of all engines, as the service wants them."""

    def __init__(self, sizes: Sizes, provider: Provider, folder: Path) -> None:
        self._sizes, self._provider, self._folder = sizes, provider, folder
        self._step, self._prompt = "a step", f"a prompt of {sizes.prompt}"
        self.pairs = [*product((self._step, self._prompt), sizes.answers)]
        # Of a decoder's run nothing but ids is copied, so pinned copies and values that stay are nothing to measure.
        self.techniques = (
            *(one for one in TORCH if one not in ("pinned", "on the device")),
            *ONNX[1:2],
            ONNX[3],
            SERVICE,
        )
        self._module = cache(self._module_in)

    def prepared(self, cell: Cell) -> Run:
        if fault := torch_fault(self._provider):
            raise NotHere(fault)
        rows = np.random.default_rng(0).integers(
            5, self._sizes.decoder.vocabulary, (cell.batch, self._sizes.prompt + 1)
        )
        ids, last = rows[:, :-1].copy(), rows[:, -1:].copy()
        if cell.technique == SERVICE:
            return self._with_slots(cell, ids, last)
        if cell.technique in ONNX:
            return self._with_onnx(cell, ids, last)
        return self._with_torch(cell, ids, last)

    def _with_torch(self, cell: Cell, ids: Array, last: Array) -> Run:
        from benchmarks.on_gpu import with_torch
        from benchmarks.on_gpu.decoder import Caches, Reading

        module: Any = self._module(cell.precision)
        caches = Caches(self._sizes.decoder, cell.batch, self._capacity, module.embeddings)
        with_torch.prepared(with_torch.EAGER, Reading(module, caches, 0), {"ids": ids}, self._provider)()
        decoder, technique = module, cell.technique
        if technique == with_torch.COMPILED:
            decoder, technique = with_torch.compiled(module, self._provider), with_torch.EAGER
        is_step = cell.shape == self._step
        reading = Reading(decoder, caches, ids.shape[1] if is_step else 0)
        return with_torch.prepared(technique, reading, {"ids": last if is_step else ids}, self._provider)

    def _with_onnx(self, cell: Cell, ids: Array, last: Array) -> Run:
        import onnxruntime as ort

        from benchmarks.on_gpu import with_onnx

        path, sizes = self._graph(cell.precision), self._sizes.decoder
        shape = (cell.batch, sizes.kv_heads, self._capacity, sizes.head_size)
        kind = np.float16 if cell.precision == "fp16" else np.float32
        session = with_onnx.opened(path, self._provider)
        kept = {}
        for one in session.get_inputs():
            if one.name.startswith("past_key_values"):
                made = ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, kind), self._provider, 0)
                kept[one.name, one.name.replace("past_key_values", "present")] = made

        def feed(read: Array, length: int) -> with_onnx.Feed:
            lengths = np.full(cell.batch, length - 1, np.int32)
            batch = {"input_ids": read, "seqlens_k": lengths, "total_sequence_length": np.array(length, np.int32)}
            return with_onnx.Feed(batch, kept, frozenset({"total_sequence_length"}))

        prompt = feed(ids, ids.shape[1])
        with_onnx.bound(session, prompt, self._provider, prompt.batch)()
        chosen = feed(last, ids.shape[1] + 1) if cell.shape == self._step else prompt
        fixed = {"rows": cell.batch, "tokens": chosen.batch["input_ids"].shape[1], "capacity": self._capacity}
        return with_onnx.prepared(cell.technique, path, chosen, self._provider, fixed)

    def _with_slots(self, cell: Cell, ids: Array, last: Array) -> Run:
        """The decoder of the service itself: a step of all slots, or each prompt after the other, as it reads them."""
        if self._provider == "cuda":
            raise NotHere(ON_CPU_ONLY)
        path = self._graph(cell.precision)
        from app.runtimes.onnx import load_onnx
        from app.runtimes.options import RuntimeOptions

        decoder = load_onnx(path, RuntimeOptions(device="cpu")).decoder(cell.batch, self._capacity)
        lengths = np.full(cell.batch, ids.shape[1], np.int32)

        def read() -> Array:
            each = [decoder.run(ids[row : row + 1], row, lengths[:1]).copy() for row in range(cell.batch)]
            return np.concatenate(each)

        read()
        return (lambda: decoder.run(last, 0, lengths + 1)) if cell.shape == self._step else read

    def _graph(self, precision: str) -> Path:
        if precision == "bf16":
            raise NotHere(NO_BF16)
        if fault := onnx_fault(self._provider):
            raise NotHere(fault)
        if precision == "fp32" and self._provider == "cuda":
            raise NotHere("GroupQueryAttention of ONNX Runtime computes in fp16 on a card, and not in fp32")
        from benchmarks.on_gpu.decoder import random_decoder
        from benchmarks.on_gpu.networks import graph_of
        from training.graphs.decoder import write_decoder
        from training.graphs.products import Fp32DecoderProducts

        sizes = self._sizes.decoder

        def write(path: Path) -> Path:
            return write_decoder(random_decoder(sizes), path, Fp32DecoderProducts(), sizes.positions)

        return graph_of(precision, write, self._folder / f"decoder-{sizes.width}", as_they_are=["logits"])

    @property
    def _capacity(self) -> int:
        return self._sizes.prompt + 16

    def _module_in(self, precision: str) -> Any:
        from benchmarks.on_gpu.decoder import TorchDecoder, random_decoder
        from benchmarks.on_gpu.with_torch import DTYPES, settle

        settle(self._provider)
        return TorchDecoder(random_decoder(self._sizes.decoder)).to(self._provider, DTYPES[precision])

    def ensure_alive(self) -> None:
        if torch_fault(self._provider) is None:
            from benchmarks.on_gpu.with_torch import synchronise

            synchronise(self._provider)

    def forget(self) -> None:
        if self._provider == "cuda":
            import torch

            torch.cuda.empty_cache()
