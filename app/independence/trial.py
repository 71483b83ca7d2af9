"""One operator, or a few that belong together, tried with rows that are exchanged one after another."""

from collections.abc import Mapping, Sequence

import numpy as np

from app.independence.layout import Layout, layouts
from app.independence.rows import exchanges
from app.independence.together import alike
from app.runtimes.program import Operator, Program, Value
from app.tensors import Array

COUNT = 3  # rows of the larger batch: the middle one has neighbours on both sides
FEWER = (2, 0)  # the rows of the smaller batch


class Trial:
    """`fixed`: what no row can change, beside COUNT rows and beside the FEWER. `rows`: tensors, and where rows lie."""

    def __init__(
        self,
        program: Program,
        operators: Sequence[Operator],
        fixed: Mapping[str, tuple[Value, Value]],
        rows: Mapping[str, tuple[Array, Layout]],
    ) -> None:
        self._rows = rows
        self._names = operators[-1].writes
        self._known = [value for value, _ in fixed.values() if isinstance(value, np.ndarray)]
        texts = [text for operator in operators for text in operator.texts]
        self._known.append(np.array([*texts, *(f"a{text}b{text}" for text in texts)], np.object_))
        batch, fewer = {name: value for name, (value, _) in rows.items()}, self._fewer(rows)
        self._run = program.prepare(operators, {name: one for name, (one, _) in fixed.items()}, batch, self._names)
        self._run_fewer = program.prepare(
            operators, {name: one for name, (_, one) in fixed.items()}, fewer, self._names
        )
        self._given, self._given_fewer = self._run(batch), self._run_fewer(fewer)
        self._pairs = [(self._given, self._given_fewer)]
        self._faults: dict[str, str] = {}
        self._changed = {
            name: np.zeros((COUNT, value.size), np.bool_)
            for name, value in self._given.items()
            if isinstance(value, np.ndarray)
        }

    def values(self) -> dict[str, tuple[Value, Value]]:
        return {name: (self._given[name], self._given_fewer[name]) for name in self._names}

    def value(self, name: str) -> Value:
        return self._given[name]

    def exchange(self) -> None:
        """Exchange rows, and note what changes with each. What the operator refuses to compute shows nothing."""
        batch = {name: value for name, (value, _) in self._rows.items()}
        self._note(self._given, self._run(batch), None)
        for base, others in exchanges(self._rows, COUNT, self._known):
            before = self._answer(base)
            if before is None:
                continue
            for row in range(COUNT):
                after = self._answer({name: self._exchanged(name, base[name], others[name], row) for name in base})
                if after is not None:
                    self._note(before, after, row)
            try:
                fewer = self._run_fewer(self._fewer({name: (base[name], self._rows[name][1]) for name in base}))
            except MemoryError:
                raise
            except Exception:
                continue
            self._pairs.append((before, fewer))

    def changes(self, name: str) -> bool:
        """Return whether any exchange changed this output."""
        return name in self._faults or bool(self._changed[name].any())

    def fault(self, name: str) -> str:
        """Return what is wrong with an output wherever its rows lie, "" if nothing is."""
        if fault := self._faults.get(name):
            return fault
        value, fewer = self._given[name], self._given_fewer[name]
        if not list(layouts(value.shape, fewer.shape, COUNT, len(FEWER))):
            return "makes one value of several rows"
        return "mixes rows" if (self._changed[name].sum(axis=0) > 1).any() else ""

    def layout(self, name: str) -> Layout | None:
        """Return where the rows of an output lie, by what changed with each; None if that fits nothing."""
        value, fewer = self._given[name], self._given_fewer[name]
        fitting = [one for one in layouts(value.shape, fewer.shape, COUNT, len(FEWER)) if self._fits(name, value, one)]
        if len(fitting) > 1:
            # Nothing changed: so it does not move numbers, and its rows lie as they did.
            before = [layout for given, layout in self._rows.values() if given.shape == value.shape]
            fitting = [one for one in fitting if one in before]
        return fitting[0] if len(fitting) == 1 else None

    def is_placeless(self, name: str, layout: Layout) -> bool:
        """Return whether rows give the same at another place, beside fewer rows."""
        for given, fewer in self._pairs:
            rows, others = layout.apart(given[name], COUNT), layout.apart(fewer[name], len(FEWER))
            if not all(alike(rows[:, row], others[:, place]) for place, row in enumerate(FEWER)):
                return False
        return True

    def _fits(self, name: str, value: Array, layout: Layout) -> bool:
        return all(
            not np.delete(layout.apart(changed.reshape(value.shape), COUNT), row, axis=1).any()
            for row, changed in enumerate(self._changed[name])
        )

    def _answer(self, batch: Mapping[str, Array]) -> dict[str, Value] | None:
        try:
            return self._run(batch)
        except MemoryError:
            raise
        except Exception:
            return None

    def _note(self, before: Mapping[str, Value], after: Mapping[str, Value], row: int | None) -> None:
        for name, changed in self._changed.items():
            a, b, shape = before[name], after[name], self._given[name].shape
            if a.shape != shape or b.shape != shape:
                self._faults[name] = "gives a tensor whose shape depends on what rows hold"
            elif row is not None:
                changed[row] |= _unlike(a, b).ravel()
            elif _unlike(a, b).any():
                self._faults[name] = "gives another answer each time"

    def _exchanged(self, name: str, base: Array, others: Array, row: int) -> Array:
        layout, mixed = self._rows[name][1], base.copy()
        layout.apart(mixed, COUNT)[:, row] = layout.apart(others, COUNT)[:, row]
        return mixed

    def _fewer(self, rows: Mapping[str, tuple[Array, Layout]]) -> dict[str, Array]:
        return {name: layout.chosen(value, COUNT, FEWER) for name, (value, layout) in rows.items()}


def _unlike(a: Array, b: Array) -> Array:
    """Where two arrays differ, to the last bit."""
    unlike: Array = a != b
    if a.dtype.kind == "f":
        unlike &= ~(np.isnan(a) & np.isnan(b))
    return unlike
