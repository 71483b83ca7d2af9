"""Decoders of text as ONNX graphs, whose keys and values stay where they are from one run to the next.

What a graph knows of a sequence lies in one buffer for each layer, of which a run is given the part that its sequences
have, both as past and as present: GroupQueryAttention of ONNX Runtime writes into it in place.
"""

import re
from typing import Any

import numpy as np
import onnxruntime as ort

from app.errors import InvalidArtifact
from app.runtimes.onnx_slot_buffers import SlotBuffers, run_bound, vocabulary_of
from app.tensors import Array

PAST = re.compile(r"past_key_values\.(\d+)\.(key|value)")
OTHERS = {"input_ids": "tensor(int64)", "seqlens_k": "tensor(int32)", "total_sequence_length": "tensor(int32)"}
KIND = "text"


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
        pasts = _pasts(session)
        self.vocabulary = vocabulary_of(session, KIND)
        self._caches = SlotBuffers(session, {name: present_of(name) for name in pasts}, slots, capacity, KIND)
        self.token_bytes = self._caches.token_bytes
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
        run_bound(self._session, binding)
        return self._logits[:rows]

    def copy(self, source: int, target: int, length: int) -> None:
        """Let the first `length` tokens of one slot be those of another, too."""
        self._caches.copy(source, target, length)

    def swap(self, one: int, other: int, length: int) -> None:
        """Exchange the first `length` tokens of two slots."""
        self._caches.swap(one, other, length)

    def forget(self, slot: int) -> None:
        """Give back the memory of a slot, whose tokens are not needed any more."""
        self._caches.forget(slot)

    def _binding(self, first: int, rows: int) -> Any:
        """The binding of these slots. Those that were used last are kept: to make one takes as long as a short run."""
        binding = self._bound.get((first, rows))
        if binding is None:
            binding = self._bound[first, rows] = self._session.io_binding()
            self._caches.bind(binding, first, rows)
            binding.bind_ortvalue_output("logits", ort.OrtValue.ortvalue_from_numpy(self._logits[:rows]))
        return binding


def present_of(past: str) -> str:
    """The name of the output that is a past input with what was read."""
    return past.replace("past_key_values", "present")


def _pasts(session: ort.InferenceSession) -> list[str]:
    """The inputs with keys or values, which are all but OTHERS. Raises InvalidArtifact."""
    given = {one.name: one for one in session.get_inputs()}
    for name, kind in OTHERS.items():
        if name not in given or given[name].type != kind:
            raise InvalidArtifact(f"the graph is no decoder of text: it must have an input {name}, a {kind}")
    pasts = [name for name in given if name not in OTHERS]
    for name in pasts:
        if not PAST.fullmatch(name):
            raise InvalidArtifact(
                f"the graph is no decoder of text: {name}, a {given[name].type} {given[name].shape}, is neither keys "
                "nor values of a layer, which are [rows, heads, capacity, size]"
            )
    if not pasts:
        raise InvalidArtifact("the graph is no decoder of text: it has no keys and values of past tokens")
    return pasts
