"""May the rows of a model share a batch? What is asked before anything is published."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from math import inf
from typing import Protocol

from app.errors import InferenceFailed
from app.independence.operators import fault_of_operators
from app.independence.together import answers_alone, fault_together
from app.independence.trial import COUNT
from app.runtimes.program import Program
from app.tensors import Session, Tensors


class Runs(Protocol):
    """The part of a kernel that a proof needs."""

    def run(self, sessions: Mapping[str, Session], rows: Sequence[Tensors]) -> list[Tensors]: ...


def why_dependent(
    kernel: Runs,
    sessions: Mapping[str, Session],
    programs: Mapping[str, Program] | None,
    batches: Sequence[Sequence[Tensors]],
    largest: int,
    end: float = inf,
) -> str | None:
    """Return in words how rows influence each other in batches of up to `largest`, or None if they do not.

    `programs` are the graphs of `sessions`, operator by operator; None if those have been looked at. `batches` are at
    least COUNT rows each, which may share one. Raises Untried if the model cannot answer them one by one, Late after
    `end` of the monotonic clock, and MemoryError if memory runs out.
    """
    answer = partial(kernel.run, sessions)
    try:
        alone = [answers_alone(answer, rows) for rows in batches]
    except InferenceFailed as error:
        return str(error)
    recorders = {graph: Recorder(session) for graph, session in sessions.items()}
    try:
        kernel.run(recorders, batches[0][:COUNT])
    except MemoryError:
        raise
    except Exception as error:
        return f"{COUNT} rows fail together: {error}"
    for graph, program in (programs or {}).items():
        for batch in recorders[graph].batches:
            if not any(array.shape[:1] == (COUNT,) for array in batch.values()):
                continue  # the kernel gives each row to the graph by itself
            if fault := fault_of_operators(program, batch, end):
                return fault
    faults = (fault_together(answer, rows, one, largest) for rows, one in zip(batches, alone, strict=True))
    return next(filter(None, faults), None)


class Recorder:
    """A session that remembers what it was given."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.placement = session.placement
        self.batches: list[Tensors] = []

    def run(self, inputs: Tensors) -> Tensors:
        self.batches.append(dict(inputs))
        return self._session.run(inputs)

    def trimmed(self) -> AbstractContextManager[None]:
        return self._session.trimmed()
