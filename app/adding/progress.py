"""A count of operators that run before a graph refuses its inputs: a search for the right ones goes by it."""

from collections.abc import Callable, Mapping

from app.adding.graph import Graph
from app.runtimes.program import Value
from app.tensors import Tensors

Run = Callable[[Mapping[str, Value]], Mapping[str, Value]]


class OperatorProgress:
    """Runs a graph operator by operator, which is first read when it is needed."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._prepared: dict[tuple[object, ...], Run] = {}

    def of(self, inputs: Tensors) -> int:
        """Return how many operators can be run before one fails."""
        program, values = self._graph.program, dict[str, Value](inputs)
        for i, operator in enumerate(program.operators):
            reads = {name: values[name] for name in operator.reads if name in values}
            key = (i, *(getattr(value, "shape", None) for value in reads.values()))
            try:
                if key not in self._prepared:
                    fixed = {name: program.constant(name) for name in operator.reads if name not in reads}
                    self._prepared[key] = program.prepare([operator], fixed, reads, operator.writes)
                values.update(self._prepared[key](reads))
            except MemoryError:
                raise
            except Exception:
                return i
        return len(program.operators)
