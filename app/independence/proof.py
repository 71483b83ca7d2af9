"""May the rows of a model share a batch? What is asked before anything is published."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

from app.errors import InferenceFailed
from app.independence.operators import fault_of_operators
from app.independence.together import answers_alone, fault_together
from app.independence.trial import COUNT
from app.runtimes.program import Program
from app.tensors import Session, Tensors


class Runs(Protocol):
    """What is needed of a task."""

    def run(self, sessions: Mapping[str, Session], rows: Sequence[Tensors]) -> list[Tensors]: ...


def why_dependent(
    task: Runs,
    sessions: Mapping[str, Session],
    programs: Mapping[str, Program],
    rows: Sequence[Tensors],
    largest: int,
) -> str | None:
    """Return in words how rows influence each other in batches of up to `largest`, or None if they do not.

    `programs` are the graphs of `sessions`, operator by operator. `rows` are at least COUNT that may share a batch.
    Raises Untried if the model cannot answer them one by one, MemoryError if memory runs out.
    """
    answer = partial(task.run, sessions)
    try:
        alone = answers_alone(answer, rows)
    except InferenceFailed as error:
        return str(error)
    recorders = {graph: Recorder(session) for graph, session in sessions.items()}
    try:
        task.run(recorders, rows[:COUNT])
    except MemoryError:
        raise
    except Exception as error:
        return f"{COUNT} rows fail together: {error}"
    for graph, recorder in recorders.items():
        for batch in recorder.batches:
            if fault := fault_of_operators(programs[graph], batch):
                return fault
    return fault_together(answer, rows, alone, largest)


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
