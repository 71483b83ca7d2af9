"""Encoders and decoders of sequences as ONNX graphs: what a decoder has read of a source stays in a slot.

The encoder gives, for each layer of the decoder, the keys and values of a source, which all steps of its answer look
at. What the decoder knows of the answer is a state of a fixed size for each layer (a recurrent one, as that of SSRU:
Kim et al., 2019), or keys and values of all its tokens (Vaswani et al., 2017), to which each step adds its own.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime as ort

from app.errors import InvalidArtifact
from app.runtimes.interrupt import interruptible
from app.runtimes.memory import memory_errors
from app.runtimes.onnx_decoder import PAST, present_of
from app.runtimes.onnx_slot_buffers import SlotBuffers, run_bound, vocabulary_of
from app.runtimes.refusals import refusals
from app.tensors import Array, EncoderInput

CROSS = re.compile(r"cross\.\d+\.(key|value)")
STATE = re.compile(r"state\.\d+")
STEPPED = ("input_ids", "positions", "source_lengths")
KIND = "sequences"


class OnnxSequenceDecoder:
    """A decoder with room for some sources and what it knows of their answers, each in a slot of its own.

    The encoder has the inputs that its task gives, and the outputs `cross.<i>.key` and `.value` fp32
    [rows, heads, places, size]. The decoder takes these, `input_ids` int64 [rows, 1],
    `positions` and `source_lengths` int64 [rows]; of recurrent layers `state.<i>` fp32 [rows, size], of others
    `past_key_values.<i>.key` and `.value` [rows, heads, capacity, size], in which a row has `positions` tokens. It
    gives `logits` fp32 [rows, vocabulary], `present_state.<i>`, `present.<i>.key` and `.value`, and if it also writes
    to the keys and values of a source, what they were, `present_cross.<i>.key` and `.value`. One thread at a time may
    use it.
    """

    def __init__(
        self, encoder: ort.InferenceSession, decoder: ort.InferenceSession, slots: int, capacity: int, places: int
    ) -> None:
        """A source may have `places`, and an answer `capacity` tokens. Raises InvalidArtifact, and MemoryError."""
        self.slots, self.capacity, self.places = slots, capacity, places
        self._encoder, self._decoder = encoder, decoder
        _require_inputs(decoder)
        given = {one.name: one for one in decoder.get_inputs()}
        made = {one.name for one in decoder.get_outputs()}
        cross = [name for name in given if CROSS.fullmatch(name)]
        if not cross or not {one.name for one in encoder.get_outputs()} >= set(cross):
            raise InvalidArtifact("the encoder does not give the keys and values that the decoder takes")
        presents = {name: f"present_{name}" if f"present_{name}" in made else "" for name in cross}
        self._cross = SlotBuffers(decoder, presents, slots, places, KIND)
        pasts = {name: present_of(name) for name in given if PAST.fullmatch(name)}
        self._caches = SlotBuffers(decoder, pasts, slots, capacity, KIND)
        self._source_lengths = np.ones(slots, np.int64)  # of at least one place attention is made
        self._sources: list[object] = [None] * slots
        """Slots that have the keys and values of the same source have the same mark."""
        # What comes after a token at an even position, and at an odd one: a token that is read twice changes nothing.
        self._states = {
            name: np.zeros((2, slots, one.shape[1]), np.float32) for name, one in given.items() if STATE.fullmatch(name)
        }
        self.vocabulary = vocabulary_of(decoder, KIND)
        # What a step reads and writes, a row for each slot that takes part: bound once, since that takes longer.
        self._ids, self._positions = np.zeros((slots, 1), np.int64), np.zeros(slots, np.int64)
        self._old, self._new = (
            {name: np.zeros_like(state[0]) for name, state in self._states.items()} for _ in range(2)
        )
        self._logits = np.empty((slots, self.vocabulary), np.float32)
        self._bound: dict[tuple[int, int], Any] = {}
        self.token_bytes = max(self._cross.token_bytes, self._caches.token_bytes)

    def begin(self, slot: int, source: EncoderInput) -> None:
        """Read a source of at most `places`. Raises GraphRefused, MemoryError and Interrupted."""
        self.begin_all([slot], [source])

    def begin_all(self, slots: Sequence[int], sources: Sequence[EncoderInput]) -> None:
        """Read several sources in one run, padded to the longest. Raises what `begin` raises; then none is known."""
        batch = {name: padded([source.row[name] for source in sources]) for name in sources[0].row}
        options = ort.RunOptions()

        def end() -> None:
            options.terminate = True

        with interruptible(end), memory_errors(), refusals():
            made = self._encoder.run(list(self._cross.buffers), batch, options)
        for at, (slot, source) in enumerate(zip(slots, sources, strict=True)):
            for memory, encoded in zip(self._cross.buffers.values(), made, strict=True):
                memory.array[slot, :, : source.length] = encoded[at, :, : source.length]
            self._source_lengths[slot] = source.length
            self._sources[slot] = object()
            for state in self._states.values():
                state[:, slot] = 0

    def run(self, ids: Array, first: int, lengths: Array) -> Array:
        """Read `ids` int64 [rows, tokens] on, in the slots from `first`; `lengths` int32 [rows] are those afterwards.

        Several rows read one token each. Returns the logits fp32 [rows, vocabulary] that come after the last token
        of each: memory that the next run writes to. Raises GraphRefused, MemoryError and Interrupted.
        """
        rows, tokens = ids.shape
        for at in range(tokens):
            self._step(ids[:, at : at + 1], slice(first, first + rows), lengths.astype(np.int64) - tokens + at)
        return self._logits[:rows]

    def _step(self, ids: Array, slots: slice, positions: Array) -> None:
        before, after, numbers = (positions + 1) % 2, positions % 2, np.arange(slots.start, slots.stop)
        rows = len(numbers)
        self._ids[:rows], self._positions[:rows] = ids, positions
        for name, state in self._states.items():
            self._old[name][:rows] = state[before, numbers]
        run_bound(self._decoder, self._binding(slots))
        for name, state in self._states.items():
            state[after, numbers] = self._new[name][:rows]

    def _binding(self, slots: slice) -> Any:
        """The binding of these slots. Those that were used last are kept: to make one takes as long as a short run."""
        key, rows = (slots.start, slots.stop), slots.stop - slots.start
        binding = self._bound.get(key)
        if binding is None:
            binding = self._bound[key] = self._decoder.io_binding()
            self._cross.bind(binding, slots.start, rows)
            self._caches.bind(binding, slots.start, rows)
            inputs = {"input_ids": self._ids, "positions": self._positions, **self._old}
            outputs = {"logits": self._logits} | {f"present_{name}": new for name, new in self._new.items()}
            for name, array in inputs.items():
                binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array[:rows]))
            lengths = ort.OrtValue.ortvalue_from_numpy(self._source_lengths[slots])
            binding.bind_ortvalue_input("source_lengths", lengths)
            for name, array in outputs.items():
                binding.bind_ortvalue_output(name, ort.OrtValue.ortvalue_from_numpy(array[:rows]))
        return binding

    def copy(self, source: int, target: int, length: int) -> None:
        """Let all that is known in one slot, where `length` tokens were read, be known in another, too."""
        if self._sources[target] is not self._sources[source]:  # beams of one answer have the same
            self._cross.copy(source, target, int(self._source_lengths[source]))
        self._caches.copy(source, target, length)
        for state in self._states.values():
            state[:, target] = state[:, source]
        self._source_lengths[target] = self._source_lengths[source]
        self._sources[target] = self._sources[source]

    def swap(self, one: int, other: int, length: int) -> None:
        """Exchange two slots, in which at most `length` tokens were read."""
        both = [one, other]
        self._cross.swap(one, other, int(self._source_lengths[both].max()))
        self._caches.swap(one, other, length)
        for state in self._states.values():
            state[:, both] = state[:, both[::-1]]
        self._source_lengths[both] = self._source_lengths[both[::-1]]
        self._sources[one], self._sources[other] = self._sources[other], self._sources[one]

    def forget(self, slot: int) -> None:
        """Give back the memory of a slot, whose source is not needed any more."""
        self._cross.forget(slot)
        self._caches.forget(slot)
        self._source_lengths[slot] = 1
        self._sources[slot] = None


def padded(arrays: Sequence[Array]) -> Array:
    """Arrays as rows of one, filled with zeros up to the longest along their first dimension."""
    longest = max(len(one) for one in arrays)
    found = np.zeros((len(arrays), longest, *arrays[0].shape[1:]), arrays[0].dtype)
    for row, one in zip(found, arrays, strict=True):
        row[: len(one)] = one
    return found


def _require_inputs(session: ort.InferenceSession) -> None:
    given = {one.name: one for one in session.get_inputs()}
    for name in STEPPED:
        if name not in given or given[name].type != "tensor(int64)":
            raise InvalidArtifact(
                f"the graph is no decoder of sequences: it must have an input {name}, a tensor(int64)"
            )
    for name, one in given.items():
        is_state = STATE.fullmatch(name) and len(one.shape) == 2 and isinstance(one.shape[1], int)
        is_known = name in STEPPED or PAST.fullmatch(name) or CROSS.fullmatch(name) or is_state
        if not is_known or (name not in STEPPED and one.type != "tensor(float)"):
            raise InvalidArtifact(f"the graph is no decoder of sequences: {name}, a {one.type} {one.shape}, is unknown")
