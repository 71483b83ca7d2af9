"""Each operator by itself: does what it gives for a row depend on that row, and on nothing else?

A whole graph hides much: a threshold that no row reaches, a factor of nought. So each operator is given rows made for
it, whatever the operators before it would have given. One row after another is exchanged; what changes with it belongs
to it, and nothing may belong to two. Then some of the rows alone, in another order, must give the same.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic

import numpy as np

from app.independence.layout import Layout
from app.independence.trial import COUNT, FEWER, Trial
from app.runtimes.program import Operator, Program, Value
from app.tensors import Array, Tensors

MOST_OPERATORS = 40  # that are looked at as one


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value that no row can change: beside COUNT rows, and beside the FEWER."""

    value: Value
    fewer: Value


@dataclass(frozen=True, slots=True)
class RowTensor:
    """A tensor in which every number belongs to one row."""

    value: Array
    layout: Layout


@dataclass(frozen=True, slots=True)
class Deferred:
    """A value that cannot be judged by itself: whatever reads it is judged together with the `operators` behind it."""

    operators: tuple[Operator, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A value that more than one row has a part in."""

    why: str


State = Fixed | RowTensor | Deferred | Joined


class Late(Exception):
    """It took longer than it may."""


def fault_of_operators(program: Program, batch: Tensors, end: float = inf) -> str | None:
    """Return in words which operator lets rows influence each other, or None if none does.

    `batch` are COUNT rows that the graph can compute, and tensors that are the same for all of them. Raises Late after
    `end` of the monotonic clock.
    """
    states: dict[str, State] = {name: _given(batch[name]) for name in program.inputs}
    places: dict[Operator, int] = {}
    waiting = deque(program.operators)
    while waiting:
        if monotonic() > end:
            raise Late
        operator = waiting.popleft()
        if inside := _inside(program, states, operator):
            waiting.extendleft(reversed(inside))
            continue
        places[operator] = len(places)
        earlier = {
            one for name in operator.reads if isinstance(state := states.get(name), Deferred) for one in state.operators
        }
        states.update(_judged(program, states, (*sorted(earlier, key=places.__getitem__), operator)))
    for name in program.outputs:
        if fault := _fault_of_output(name, states[name] if name in states else _constant(program, name)):
            return fault
    return None


def _given(array: Array) -> State:
    if array.shape[:1] == (COUNT,):
        return RowTensor(np.ascontiguousarray(array), Layout(0))
    return Fixed(array, array)  # the same for all rows


def _inside(program: Program, states: Mapping[str, State], operator: Operator) -> Sequence[Operator] | None:
    """The operators inside one that conceals them, if what it reads is known."""
    if not operator.conceals:
        return None
    values = {}
    for name in operator.reads:
        match states[name] if name in states else _constant(program, name):
            case Fixed(value, fewer):
                values[name] = value, fewer
            case RowTensor(array, layout):
                values[name] = array, layout.chosen(array, COUNT, FEWER)
            case _:
                return None
    return program.inside(operator, values)


def _fault_of_output(name: str, state: State) -> str | None:
    match state:
        case Joined(why) | Deferred(_, why):
            return why
        case RowTensor(value, layout) if layout != Layout(0) or len(value) != COUNT:
            return f"the first dimension of output {name} does not count rows"
        case Fixed(value, _) if np.shape(value)[:1] != (COUNT,):
            return f"output {name} has no row of its own for each row"
    return None


def _judged(program: Program, states: Mapping[str, State], operators: Sequence[Operator]) -> dict[str, State]:
    """The states of what the last of `operators` writes; the others make what only it can read."""
    last = operators[-1]
    written = {name for one in operators for name in one.writes}
    reads = {name: None for one in operators for name in one.reads if name not in written}
    known = {name: states[name] if name in states else _constant(program, name) for name in reads}
    joined = next((state for state in known.values() if isinstance(state, Joined)), None)
    rows = {name: state for name, state in known.items() if isinstance(state, RowTensor)}
    reads_rows = any(name not in one.shapes for one in operators for name in one.reads if name in rows)
    concealing = next((one for one in operators if one.conceals), None)
    if joined is None and reads_rows and concealing:
        joined = Joined(f"{concealing.kind} {concealing.conceals}")
    if joined is None and len(operators) > MOST_OPERATORS:
        joined = Joined(f"the operators before {last.kind} cannot be looked at one by one")
    if joined is not None:
        return dict.fromkeys(last.writes, joined)
    fixed = {name: (state.value, state.fewer) for name, state in known.items() if isinstance(state, Fixed)}
    try:
        trial = Trial(program, operators, fixed, {name: (state.value, state.layout) for name, state in rows.items()})
        if not reads_rows:
            return {name: _fixed(program, operators, *pair) for name, pair in trial.values().items()}
        trial.exchange()
        if last.shapes.issuperset(last.reads) and not any(map(trial.changes, last.writes)):
            return {name: _fixed(program, operators, *pair) for name, pair in trial.values().items()}
    except MemoryError:
        raise
    except Exception as error:
        return dict.fromkeys(last.writes, Deferred(tuple(operators), f"{last.kind} cannot be run by itself: {error}"))
    return {name: _of_rows(operators, trial, name) for name in last.writes}


def _fixed(program: Program, operators: Sequence[Operator], value: Value, fewer: Value) -> State:
    if program.is_known(value):
        return Fixed(value, fewer)
    return Deferred(tuple(operators), f"{operators[-1].kind} gives what is no tensor")


def _of_rows(operators: Sequence[Operator], trial: Trial, name: str) -> State:
    kind, value = operators[-1].kind, trial.value(name)
    if not isinstance(value, np.ndarray):
        return Deferred(tuple(operators), f"{kind} gives what is no tensor")
    if fault := trial.fault(name):
        return Joined(f"{kind} {fault}, in its output {name}")
    layout = trial.layout(name)
    if layout is None:
        return Joined(f"{kind} mixes rows, in its output {name}")
    if not trial.is_placeless(name, layout):
        return Deferred(
            tuple(operators), f"{kind} answers a row by its place or by the number of rows, in its output {name}"
        )
    return RowTensor(value, layout)


def _constant(program: Program, name: str) -> Fixed:
    value = program.constant(name)
    return Fixed(value, value)
