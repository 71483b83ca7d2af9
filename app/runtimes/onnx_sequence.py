"""Encoders and decoders of sequences as ONNX graphs: what a decoder has read of a source stays in a slot.

The encoder gives, for each layer of the decoder, the keys and values of a source, which all steps of its answer look
at. What the decoder knows of the answer is a state of a fixed size for each layer (a recurrent one, as that of SSRU:
Kim et al., 2019).
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime as ort

from app.errors import InvalidArtifact
from app.runtimes.interrupt import interruptible
from app.runtimes.memory import memory_errors
from app.runtimes.refusals import refusals
from app.runtimes.slot_memory import SlotMemory
from app.tensors import Array, Source

CROSS = re.compile(r"cross\.\d+\.(key|value)")
STATE = re.compile(r"state\.\d+")
STEPPED = ("input_ids", "positions", "source_lengths")


class OnnxSequenceDecoder:
    """A decoder with room for some sources and what it knows of their answers, each in a slot of its own.

    The encoder has the inputs that its task gives, and the outputs `cross.<i>.key` and `.value` fp32
    [rows, heads, places, size]. The decoder takes these, `input_ids` int64 [rows, 1],
    `positions` and `source_lengths` int64 [rows], and `state.<i>` fp32 [rows, size]; and gives `logits` fp32
    [rows, vocabulary] and `present_state.<i>`. One thread at a time may use it.
    """

    def __init__(
        self, encoder: ort.InferenceSession, decoder: ort.InferenceSession, slots: int, capacity: int, places: int
    ) -> None:
        """A source may have `places`, and an answer `capacity` tokens. Raises InvalidArtifact, and MemoryError."""
        self.slots, self.capacity, self.places = slots, capacity, places
        self._encoder, self._decoder = encoder, decoder
        _require_inputs(decoder, STEPPED)
        given = {one.name: one for one in decoder.get_inputs()}
        shapes = {name: (one.shape[1], one.shape[3]) for name, one in given.items() if CROSS.fullmatch(name)}
        made = {one.name for one in encoder.get_outputs()}
        if not shapes or not made >= shapes.keys():
            raise InvalidArtifact("the encoder does not give the keys and values that the decoder takes")
        self._cross = {
            name: SlotMemory((slots, heads, places, size), np.dtype(np.float32))
            for name, (heads, size) in shapes.items()
        }
        self._source_lengths = np.zeros(slots, np.int64)
        self._sources: list[object] = [None] * slots
        """Slots that have the keys and values of the same source have the same mark."""
        # What comes after a token at an even position, and at an odd one: a token that is read twice changes nothing.
        self._states = {
            name: np.zeros((2, slots, one.shape[1]), np.float32) for name, one in given.items() if STATE.fullmatch(name)
        }
        self._outputs = ["logits", *(f"present_{name}" for name in self._states)]
        self.vocabulary = _vocabulary(decoder)
        self.token_bytes = sum(heads * size * 4 for heads, size in shapes.values())

    def begin(self, slot: int, source: Source) -> None:
        """Read a source of at most `places`. Raises GraphRefused, MemoryError and Interrupted."""
        batch = {name: array[None] for name, array in source.row.items()}
        made = self._run(self._encoder, list(self._cross), batch)
        for memory, encoded in zip(self._cross.values(), made, strict=True):
            memory.array[slot, :, : source.length] = encoded[0]
        self._source_lengths[slot] = source.length
        self._sources[slot] = object()
        for state in self._states.values():
            state[:, slot] = 0

    def run(self, ids: Array, first: int, lengths: Array) -> Array:
        """Read `ids` int64 [rows, tokens] on, in the slots from `first`; `lengths` int32 [rows] are those afterwards.

        Several rows read one token each. Returns the logits fp32 [rows, vocabulary] that come after the last token
        of each. Raises GraphRefused, MemoryError and Interrupted.
        """
        rows, tokens = ids.shape
        for at in range(tokens):
            logits = self._step(ids[:, at : at + 1], slice(first, first + rows), lengths.astype(np.int64) - tokens + at)
        return logits

    def _step(self, ids: Array, slots: slice, positions: Array) -> Array:
        before, after, numbers = (positions + 1) % 2, positions % 2, np.arange(slots.start, slots.stop)
        made = self._run(
            self._decoder,
            self._outputs,
            {
                "input_ids": np.ascontiguousarray(ids, np.int64),
                "positions": positions,
                "source_lengths": self._source_lengths[slots],
                **{name: memory.array[slots] for name, memory in self._cross.items()},
                **{name: state[before, numbers] for name, state in self._states.items()},
            },
        )
        logits: Array = made[0]
        for state, new in zip(self._states.values(), made[1:], strict=True):
            state[after, numbers] = new
        return logits

    def copy(self, source: int, target: int, length: int) -> None:
        """Let all that is known in one slot be known in another, too."""
        if self._sources[target] is not self._sources[source]:  # beams of one answer have the same
            places = self._source_lengths[source]
            for memory in self._cross.values():
                memory.array[target, :, :places] = memory.array[source, :, :places]
        for state in self._states.values():
            state[:, target] = state[:, source]
        self._source_lengths[target] = self._source_lengths[source]
        self._sources[target] = self._sources[source]

    def swap(self, one: int, other: int, length: int) -> None:
        """Exchange two slots."""
        both = [one, other]
        longest = int(self._source_lengths[both].max())
        for memory in self._cross.values():
            memory.swap(one, other, longest)
        for state in self._states.values():
            state[:, both] = state[:, both[::-1]]
        self._source_lengths[both] = self._source_lengths[both[::-1]]
        self._sources[one], self._sources[other] = self._sources[other], self._sources[one]

    def forget(self, slot: int) -> None:
        """Give back the memory of a slot, whose source is not needed any more."""
        for memory in self._cross.values():
            memory.forget(slot)
        self._source_lengths[slot] = 0
        self._sources[slot] = None

    @staticmethod
    def _run(session: ort.InferenceSession, names: list[str], inputs: dict[str, Array]) -> list[Any]:
        options = ort.RunOptions()

        def end() -> None:
            options.terminate = True

        with interruptible(end), memory_errors(), refusals():
            made: list[Any] = session.run(names, inputs, options)
            return made


def _require_inputs(session: ort.InferenceSession, names: Sequence[str]) -> None:
    given = {one.name: one for one in session.get_inputs()}
    for name in names:
        if name not in given or given[name].type != "tensor(int64)":
            raise InvalidArtifact(
                f"the graph is no decoder of sequences: it must have an input {name}, a tensor(int64)"
            )
    for name, one in given.items():
        ndim = 4 if CROSS.fullmatch(name) else 2 if STATE.fullmatch(name) else 0
        is_sized = len(one.shape) == ndim and all(isinstance(one.shape[at], int) for at in range(1, ndim, 2))
        if name not in names and (not ndim or not is_sized or one.type != "tensor(float)"):
            raise InvalidArtifact(f"the graph is no decoder of sequences: {name}, a {one.type} {one.shape}, is unknown")


def _vocabulary(session: ort.InferenceSession) -> int:
    for one in session.get_outputs():
        is_of_rows = one.name == "logits" and one.type == "tensor(float)" and len(one.shape) == 2
        if is_of_rows and isinstance(one.shape[1], int):
            return one.shape[1]
    raise InvalidArtifact(
        "the graph is no decoder of sequences: it must have an output logits, a tensor(float) [rows, N]"
    )
