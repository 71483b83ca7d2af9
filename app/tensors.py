"""Named arrays and what runs on them: all that passes between tasks and runtimes."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

Array = npt.NDArray[Any]
Tensors = dict[str, Array]
"""Named arrays. A *row* has no batch dimension, a *batch* has one, and it comes first."""

Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES"
]
"""Element types, by their names in the Open Inference Protocol V2."""


class TensorSpec(BaseModel):
    """Name, element type and shape of one tensor of a batch; -1 marks a dimension that varies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    datatype: Datatype
    shape: tuple[Annotated[int, Field(ge=-1)], ...]


NUMPY_TYPES: dict[str, np.dtype[np.generic]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a graph runs, and why there."""

    device: str
    """"cpu" or "cuda"."""
    reason: str


class GraphRefused(Exception):
    """A graph cannot compute the tensors it was given; `str(error)` is its own sentence, and names no file."""


class Session(Protocol):
    """A loaded graph. `run` may be called by several threads at a time."""

    placement: Placement

    def run(self, inputs: Tensors) -> Tensors:
        """Raises GraphRefused for tensors that the graph cannot compute, MemoryError if memory ran out."""
        ...

    def trimmed(self) -> AbstractContextManager[None]:
        """Runs inside give back the memory that they do not need themselves."""
        ...
