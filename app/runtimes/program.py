"""A graph as the list of its operators, each of which can be run by itself."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Value = Any
"""A value that an operator reads or writes: an array; or whatever else the runtime has, which only it understands."""


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One operator. `node` is the runtime's own. Of what is in `shapes` it reads no numbers, only types and shapes.

    `texts` are those that it was made with, which it may look for. `conceals` says in words what it does that no trial
    shows, as running other operators inside.
    """

    kind: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    node: Any
    shapes: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()
    conceals: str = ""


class Program(Protocol):
    """The operators in the order in which they run. A constant is what no operator writes and is no input."""

    @property
    def inputs(self) -> Sequence[str]: ...

    @property
    def outputs(self) -> Sequence[str]: ...

    @property
    def operators(self) -> Sequence[Operator]: ...

    @property
    def sizes(self) -> Collection[int]:
        """Return sizes that the program has itself: of its weights, or in what its operators were told."""
        ...

    def constant(self, name: str) -> Value:
        """Return a weight: an array if it is small enough to be looked at."""
        ...

    def inside(self, operator: Operator, values: Mapping[str, tuple[Value, Value]]) -> "Sequence[Operator] | None":
        """Return the operators that run inside one that conceals them; None if they are not always the same.

        `values` are what it reads, in a batch and in a smaller one.
        """
        ...

    def is_known(self, value: Value) -> bool:
        """Return whether a value can be handed to `prepare` as a fixed one."""
        ...

    def prepare(
        self,
        operators: Sequence[Operator],
        fixed: Mapping[str, Value],
        free: Mapping[str, Value],
        wanted: Sequence[str],
    ) -> Callable[[Mapping[str, Value]], dict[str, Value]]:
        """Return a function that runs `operators` on values typed and shaped like `free`, and gives the `wanted`.

        `fixed` and `free` are all that the operators read from outside. Raises what the runtime raises, then or now.
        """
        ...
