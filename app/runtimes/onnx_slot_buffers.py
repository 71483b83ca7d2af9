"""Keys and values of a graph's layers in slots, which it reads and writes in place from one run to the next."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime as ort

from app.errors import InvalidArtifact
from app.runtimes.interrupt import interruptible
from app.runtimes.memory import memory_errors
from app.runtimes.refusals import refusals
from app.runtimes.slot_memory import SlotMemory

TYPES: dict[str, np.dtype[Any]] = {"tensor(float)": np.dtype(np.float32), "tensor(float16)": np.dtype(np.float16)}


class SlotBuffers:
    """One buffer [slots, heads, places, size] for each of some inputs of a graph, and the output that is the same.

    GroupQueryAttention of ONNX Runtime writes what is new into a buffer that it is given as past and as present.
    """

    def __init__(
        self, session: ort.InferenceSession, presents: Mapping[str, str], slots: int, places: int, kind: str
    ) -> None:
        """`presents`: inputs, and the outputs that they become; "" for what the graph only reads.

        Raises InvalidArtifact: it is no decoder of `kind`.
        """
        given, made = ({one.name: one for one in ends} for ends in (session.get_inputs(), session.get_outputs()))
        self._presents = presents
        self.buffers: dict[str, SlotMemory] = {}
        self.token_bytes = 0
        for name, present in presents.items():
            one = given[name]
            if len(one.shape) != 4 or one.type not in TYPES:
                raise InvalidArtifact(
                    f"the graph is no decoder of {kind}: {name}, a {one.type} {one.shape}, is neither keys nor values "
                    "of a layer, which are [rows, heads, capacity, size]"
                )
            heads, size = one.shape[1], one.shape[3]
            if not isinstance(heads, int) or not isinstance(size, int):
                raise InvalidArtifact(f"{name} must tell how many heads it has, and their size, not {one.shape}")
            if present and (present not in made or made[present].type != one.type):
                raise InvalidArtifact(
                    f"the graph is no decoder of {kind}: it must have an output {present}, a {one.type}"
                )
            self.buffers[name] = SlotMemory((slots, heads, places, size), TYPES[one.type])
            self.token_bytes += heads * size * TYPES[one.type].itemsize

    def bind(self, binding: Any, first: int, rows: int) -> None:
        """Let the graph read and write `rows` slots from `first`."""
        for name, present in self._presents.items():
            part = ort.OrtValue.ortvalue_from_numpy(self.buffers[name].array[first : first + rows])
            binding.bind_ortvalue_input(name, part)
            if present:
                binding.bind_ortvalue_output(present, part)

    def copy(self, source: int, target: int, length: int) -> None:
        """Let the first `length` places of one slot be those of another, too."""
        for memory in self.buffers.values():
            memory.array[target, :, :length] = memory.array[source, :, :length]

    def swap(self, one: int, other: int, length: int) -> None:
        """Exchange the first `length` places of two slots."""
        for memory in self.buffers.values():
            memory.swap(one, other, length)

    def forget(self, slot: int) -> None:
        """Give back the memory of a slot."""
        for memory in self.buffers.values():
            memory.forget(slot)


def run_bound(session: ort.InferenceSession, binding: Any) -> None:
    """Run a graph on what is bound. Raises GraphRefused, MemoryError and Interrupted."""
    options = ort.RunOptions()

    def end() -> None:
        options.terminate = True

    with interruptible(end), memory_errors(), refusals():
        session.run_with_iobinding(binding, options)


def vocabulary_of(session: ort.InferenceSession, kind: str) -> int:
    """The number of logits for each row. Raises InvalidArtifact: it is no decoder of `kind`."""
    for one in session.get_outputs():
        is_of_rows = one.name == "logits" and one.type == "tensor(float)" and len(one.shape) == 2
        if is_of_rows and isinstance(one.shape[1], int):
            return one.shape[1]
    raise InvalidArtifact(
        f"the graph is no decoder of {kind}: it must have an output logits, a tensor(float) [rows, N]"
    )
