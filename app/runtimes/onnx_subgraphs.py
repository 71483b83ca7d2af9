"""Operators that run others, written as what they run: the branch that is taken, the rounds of a scan."""

from collections.abc import Mapping, Sequence

import numpy as np

from app.runtimes.onnx_file import (
    ATTRIBUTE_GRAPH,
    ATTRIBUTE_INTEGER,
    ATTRIBUTE_INTEGERS,
    ATTRIBUTE_NAME,
    ATTRIBUTES,
    INPUTS,
    NODE_INPUTS,
    NODE_OUTPUTS,
    NODES,
    OPERATOR,
    OUTPUTS,
    node_of,
)
from app.runtimes.program import Value
from app.runtimes.protobuf import Message, field, signed, unsigned
from app.tensors import Array

MOST_ROUNDS = 32  # of a Scan, laid out one after another: each is tried operator by operator
ATTRIBUTE_TYPE, INTEGER_TYPE = 20, 2  # a field of AttributeProto, and its value for one integer

Written = tuple[list[Message], dict[str, Array]]
"""Operators, and numbers that they read."""


def taken_branch(node: Message, condition: Value) -> tuple[Message, list[Message]]:
    """Return the graph of an If that runs, and the operators in its place."""
    branch = _graph(node, "then_branch" if np.all(condition) else "else_branch")
    results = [one.text(1) for one in branch.messages(OUTPUTS)]
    copies = [
        _node("Identity", [inner], outer)
        for inner, outer in zip(results, node.texts(NODE_OUTPUTS), strict=True)
        if outer
    ]
    return branch, [*branch.messages(NODES), *copies]


def scan_rounds(node: Message, values: Mapping[str, tuple[Value, Value]]) -> tuple[Message, Written] | None:
    """Return the body of a Scan, and its rounds one after another; None if their number depends on the batch.

    `values` are what it reads, in a batch and in a smaller one.
    """
    body, reads, writes = _graph(node, "body"), node.texts(NODE_INPUTS), node.texts(NODE_OUTPUTS)
    if any(node_of(one).subgraphs for one in body.messages(NODES)):
        return None
    scanned = reads[len(reads) - _integers(node, "num_scan_inputs")[0] :]
    states = reads[: len(reads) - len(scanned)]
    axes = _integers(node, "scan_input_axes") or [0] * len(scanned)
    backwards = _integers(node, "scan_input_directions") or [0] * len(scanned)
    rounds = {one.shape[axis] for name, axis in zip(scanned, axes, strict=True) for one in values[name]}
    if len(rounds) != 1 or max(rounds) > MOST_ROUNDS or min(rounds) == 0:
        return None
    (count,) = rounds
    inner = [one.text(1) for one in body.messages(INPUTS)]
    results = [one.text(1) for one in body.messages(OUTPUTS)]
    made: list[list[str]] = [[] for _ in results[len(states) :]]
    nodes: list[Message] = []
    numbers: dict[str, Array] = {}
    for i in range(count):
        names = dict(zip(inner, states, strict=False))
        for name, outer, axis, is_backwards in zip(inner[len(states) :], scanned, axes, backwards, strict=True):
            index = f"{writes}{i}{name}"
            numbers[f"{index}#"] = np.array(count - 1 - i if is_backwards else i, np.int64)
            nodes.append(_node("Gather", [outer, f"{index}#"], index, axis=axis))
            names[name] = index
        for one in body.messages(NODES):
            names |= {output: f"{writes}{i}{output}" for output in one.texts(NODE_OUTPUTS) if output}
            nodes.append(_renamed(one, names))
        states = [names.get(name, name) for name in results[: len(states)]]
        for list_, name in zip(made, results[len(states) :], strict=True):
            list_.append(names.get(name, name))
    nodes += [_node("Identity", [state], write) for state, write in zip(states, writes, strict=False) if write]
    out_axes = _integers(node, "scan_output_axes") or [0] * len(made)
    out_backwards = _integers(node, "scan_output_directions") or [0] * len(made)
    for parts, write, axis, is_backwards in zip(made, writes[len(states) :], out_axes, out_backwards, strict=True):
        if write:
            nodes.append(_node("SequenceConstruct", parts[::-1] if is_backwards else parts, f"{write}#"))
            nodes.append(_node("ConcatFromSequence", [f"{write}#"], write, axis=axis, new_axis=1))
    return body, (nodes, numbers)


def _graph(node: Message, name: str) -> Message:
    (graph,) = [one.message(ATTRIBUTE_GRAPH) for one in node.messages(ATTRIBUTES) if one.text(ATTRIBUTE_NAME) == name]
    return graph


def _integers(node: Message, name: str) -> list[int]:
    found = [one for one in node.messages(ATTRIBUTES) if one.text(ATTRIBUTE_NAME) == name]
    values = [*found[0].integers(ATTRIBUTE_INTEGERS), *found[0].integers(ATTRIBUTE_INTEGER)] if found else []
    return [signed(value) for value in values]


def _node(operator: str, reads: Sequence[str], write: str, **attributes: int) -> Message:
    written = [field(NODE_INPUTS, name) for name in reads] + [field(NODE_OUTPUTS, write), field(OPERATOR, operator)]
    for name, value in attributes.items():
        content = field(ATTRIBUTE_NAME, name) + field(ATTRIBUTE_INTEGER, unsigned(value))
        written.append(field(ATTRIBUTES, content + field(ATTRIBUTE_TYPE, INTEGER_TYPE)))
    return Message(b"".join(written))


def _renamed(node: Message, names: Mapping[str, str]) -> Message:
    written = []
    for number, values in node.fields.items():
        for value in values:
            if number in (NODE_INPUTS, NODE_OUTPUTS) and isinstance(value, memoryview):
                name = bytes(value).decode()
                written.append(field(number, names.get(name, name)))
            else:
                written.append(field(number, value))
    return Message(b"".join(written))
