"""Decoders of text as ONNX graphs, whose keys and values stay where they are from one run to the next.

What a graph knows of a sequence lies in one buffer for each layer, of which a run is given the part that its sequences
have, both as past and as present: GroupQueryAttention of ONNX Runtime writes into it in place.
"""

import re
from typing import Any

import numpy as np
import onnxruntime as ort

from app.errors import InvalidArtifact
from app.runtimes.interrupt import interruptible
from app.runtimes.memory import memory_errors
from app.runtimes.refusals import refusals
from app.runtimes.slot_memory import SlotMemory
from app.tensors import Array

PAST = re.compile(r"past_key_values\.(\d+)\.(key|value)")
OTHERS = {"input_ids": "tensor(int64)", "seqlens_k": "tensor(int32)", "total_sequence_length": "tensor(int32)"}
CACHE_TYPES: dict[str, np.dtype[Any]] = {"tensor(float)": np.dtype(np.float32), "tensor(float16)": np.dtype(np.float16)}


class OnnxDecoder:
    """A decoder with room for the keys and values of some sequences, each in a slot of its own.

    The graph has the inputs `input_ids` int64 [rows, tokens], `seqlens_k` int32 [rows], the length of each row after
    the run less 1, `total_sequence_length` int32, the largest of them, and for each layer
    `past_key_values.<i>.key` and `.value` [rows, heads, capacity, size]; and the outputs `logits` fp32
    [rows, vocabulary], of the last token of each row, and `present.<i>.key` and `.value`. One thread at a time may
    use it.
    """

    def __init__(self, session: ort.InferenceSession, slots: int, capacity: int) -> None:
        """Raises InvalidArtifact if the graph is no such decoder, and MemoryError."""
        self.slots, self.capacity = slots, capacity
        self._session = session
        layers = _layers(session)
        self.vocabulary = _vocabulary(session)
        self._caches = [
            _Cache(name, SlotMemory((slots, heads, capacity, size), dtype)) for name, heads, size, dtype in layers
        ]
        self.token_bytes = sum(heads * size * dtype.itemsize for _, heads, size, dtype in layers)
        self._logits = np.empty((slots, self.vocabulary), np.float32)
        self._bound: dict[tuple[int, int], Any] = {}

    def run(self, ids: Array, first: int, lengths: Array) -> Array:
        """Read `ids` int64 [rows, tokens] on, in the slots from `first`; `lengths` int32 [rows] are those afterwards.

        Several rows read one token each. Returns the logits fp32 [rows, vocabulary] that come after the last token
        of each: memory that the next run writes to. Raises GraphRefused, MemoryError and Interrupted.
        """
        rows = len(ids)
        binding = self._binding(first, rows)
        binding.bind_cpu_input("input_ids", np.ascontiguousarray(ids, np.int64))
        binding.bind_cpu_input("seqlens_k", np.ascontiguousarray(lengths - 1, np.int32))
        binding.bind_cpu_input("total_sequence_length", np.array(lengths.max(), np.int32))
        options = ort.RunOptions()

        def end() -> None:
            options.terminate = True

        with interruptible(end), memory_errors(), refusals():
            self._session.run_with_iobinding(binding, options)
        return self._logits[:rows]

    def copy(self, source: int, target: int, length: int) -> None:
        """Let the first `length` tokens of one slot be those of another, too."""
        for cache in self._caches:
            cache.memory.array[target, :, :length] = cache.memory.array[source, :, :length]

    def swap(self, one: int, other: int, length: int) -> None:
        """Exchange the first `length` tokens of two slots."""
        for cache in self._caches:
            cache.memory.swap(one, other, length)

    def forget(self, slot: int) -> None:
        """Give back the memory of a slot, whose tokens are not needed any more."""
        for cache in self._caches:
            cache.memory.forget(slot)

    def _binding(self, first: int, rows: int) -> Any:
        """The binding of these slots. Those that were used last are kept: to make one takes as long as a short run."""
        binding = self._bound.get((first, rows))
        if binding is None:
            binding = self._bound[first, rows] = self._session.io_binding()
            for cache in self._caches:
                part = ort.OrtValue.ortvalue_from_numpy(cache.memory.array[first : first + rows])
                binding.bind_ortvalue_input(cache.past, part)
                binding.bind_ortvalue_output(cache.present, part)
            logits = ort.OrtValue.ortvalue_from_numpy(self._logits[:rows])
            binding.bind_ortvalue_output("logits", logits)
        return binding


class _Cache:
    """Keys, or values, of one layer: [slots, heads, capacity, size]."""

    def __init__(self, past: str, memory: SlotMemory) -> None:
        self.past, self.present = past, past.replace("past_key_values", "present")
        self.memory = memory


def _layers(session: ort.InferenceSession) -> list[tuple[str, int, int, np.dtype[Any]]]:
    """Name, heads, size of a head and type of each input with keys or values. Raises InvalidArtifact."""
    given, made = ({one.name: one for one in ends} for ends in (session.get_inputs(), session.get_outputs()))
    for name, kind in OTHERS.items():
        if name not in given or given[name].type != kind:
            raise InvalidArtifact(f"the graph is no decoder of text: it must have an input {name}, a {kind}")
    layers = []
    for name, one in given.items():
        if name in OTHERS:
            continue
        if not PAST.fullmatch(name) or len(one.shape) != 4 or one.type not in CACHE_TYPES:
            raise InvalidArtifact(
                f"the graph is no decoder of text: {name}, a {one.type} {one.shape}, is neither keys nor values of a "
                "layer, which are [rows, heads, capacity, size]"
            )
        heads, size = one.shape[1], one.shape[3]
        if not isinstance(heads, int) or not isinstance(size, int):
            raise InvalidArtifact(f"{name} must tell how many heads it has, and their size, not {one.shape}")
        present = name.replace("past_key_values", "present")
        if present not in made or made[present].type != one.type:
            raise InvalidArtifact(f"the graph is no decoder of text: it must have an output {present}, a {one.type}")
        layers.append((name, heads, size, CACHE_TYPES[one.type]))
    if not layers:
        raise InvalidArtifact("the graph is no decoder of text: it has no keys and values of past tokens")
    return layers


def _vocabulary(session: ort.InferenceSession) -> int:
    for one in session.get_outputs():
        if one.name == "logits" and one.type == "tensor(float)" and len(one.shape) == 2:
            if isinstance(one.shape[1], int):
                return one.shape[1]
            break
    raise InvalidArtifact("the graph is no decoder of text: it must have an output logits, a tensor(float) [rows, N]")
