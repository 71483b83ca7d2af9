"""A graph that is to be added: what it says of itself, and how it is run."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Timer

from app.adding.dimensions import Dimensions, dimensions_of
from app.adding.maps import without_maps
from app.errors import InvalidArtifact
from app.runtimes import PROGRAMS, RUNTIMES
from app.runtimes.interrupt import Interrupt, Interrupted
from app.runtimes.onnx import signature_of_onnx
from app.runtimes.options import RuntimeOptions
from app.runtimes.program import Program
from app.runtimes.pytorch import signature_of_pytorch
from app.runtimes.signature import Signature
from app.tasks.tensors import Filling, Probe, filled
from app.tensors import Session, Tensors

MOST_SECONDS = 60.0  # for one run of a few rows
ON_CPU = RuntimeOptions(device="cpu")
FORMATS = {".onnx": ("onnx", signature_of_onnx), ".pt2": ("pytorch", signature_of_pytorch)}


class Graph:
    """Opens a file, which is rewritten if its outputs are maps: `class_names` are their keys.

    Raises InvalidArtifact if it cannot be run, or has no tensors in or out.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.folder = path, path.parent
        self.runtime, signature_of = FORMATS[path.suffix]
        self.class_names = without_maps(path) if self.runtime == "onnx" else {}
        self.signature: Signature = signature_of(path)
        if not self.signature.inputs or not self.signature.outputs:
            raise InvalidArtifact(f"{path.name} has no inputs or no outputs")
        self.session: Session = Patient(RUNTIMES[self.runtime](path, ON_CPU), path.name)
        self.dimensions: Dimensions = dimensions_of(self.signature)

    @cached_property
    def program(self) -> Program:
        return PROGRAMS[self.runtime](self._path)

    def filled(self, shapes: Mapping[str, Sequence[int]], filling: Filling) -> Tensors:
        return {one.name: filled(one.datatype, shapes[one.name], filling) for one in self.signature.inputs}


class Patient:
    """A session whose runs are ended after MOST_SECONDS; then raises InvalidArtifact."""

    def __init__(self, session: Session, file: str) -> None:
        self._session, self._file = session, file
        self.placement = session.placement

    def run(self, inputs: Tensors) -> Tensors:
        interrupt = Interrupt()
        timer = Timer(MOST_SECONDS, interrupt.set)
        timer.start()
        try:
            with interrupt.here():
                return self._session.run(inputs)
        except Interrupted:
            raise InvalidArtifact(f"{self._file} does not end within {MOST_SECONDS:.0f} s on small inputs") from None
        finally:
            timer.cancel()

    def trimmed(self) -> AbstractContextManager[None]:
        return self._session.trimmed()


@dataclass(frozen=True, slots=True)
class Answered:
    """Inputs that the graph has answered: sizes of the dimensions that vary, and what stands in them."""

    sizes: Mapping[str, int]
    filling: Probe
    inputs: Tensors
    answer: Tensors
