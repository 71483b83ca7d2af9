"""An exported program, operator by operator: each can be run by itself."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.runtimes.memory import memory_errors
from app.runtimes.program import Operator, Value
from app.runtimes.pytorch import as_array, open_program

if TYPE_CHECKING:
    import torch

# Of the operators of ATen, those that read no numbers.
ONLY_SHAPES = {
    "sym_size", "sym_numel", "sym_stride", "sym_storage_offset", "empty_like", "zeros_like", "ones_like", "full_like",
    "new_empty", "new_zeros", "new_ones", "new_full",
}  # fmt: skip
SMALL = 1024  # numbers of a weight that is looked at


class PytorchProgram:
    """Raises InvalidArtifact when made if the file is not a program we can run and trust."""

    def __init__(self, path: Path) -> None:
        import torch

        self._torch = torch
        # An empty table: operators stay as they are, but none writes to what another one has made.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of PyTorch about itself
            program = open_program(path).run_decompositions({})
        signature = program.graph_signature
        self.inputs = [*signature.user_inputs]
        self.outputs = [*signature.user_outputs]
        self._nodes = {node.name: node for node in program.graph.nodes}
        named = {
            **signature.inputs_to_parameters,
            **signature.inputs_to_buffers,
            **signature.inputs_to_lifted_tensor_constants,
        }
        state = {**program.state_dict, **program.constants}
        self._constants = {name: state[target] for name, target in named.items()}
        self._constants |= {
            node.name: getattr(program.graph_module, node.target) for node in program.graph.find_nodes(op="get_attr")
        }
        self.sizes = {size for one in state.values() for size in getattr(one, "shape", ())}
        self.operators = [_operator(node) for node in program.graph.nodes if node.op == "call_function"]

    def constant(self, name: str) -> Value:
        value = self._constants[name]
        if isinstance(value, self._torch.Tensor) and value.numel() <= SMALL:
            return as_array(self._torch, value)
        return value

    def is_known(self, value: Value) -> bool:
        return True

    def inside(self, operator: Operator, values: Mapping[str, tuple[Value, Value]]) -> list[Operator] | None:
        return None

    def prepare(
        self,
        operators: Sequence[Operator],
        fixed: Mapping[str, Value],
        free: Mapping[str, Value],
        wanted: Sequence[str],
    ) -> Callable[[Mapping[str, Value]], dict[str, Value]]:
        torch = self._torch

        def run(values: Mapping[str, Value]) -> dict[str, Value]:
            known = {name: self._tensor(name, value) for name, value in {**fixed, **values}.items()}
            with memory_errors(), torch.inference_mode():
                for operator in operators:
                    args, kwargs = torch.fx.map_arg(
                        (operator.node.args, operator.node.kwargs), lambda one: known[one.name]
                    )
                    known[operator.node.name] = operator.node.target(*args, **kwargs)
            return {name: self._value(known[name]) for name in wanted}

        return run

    def _tensor(self, name: str, value: Value) -> Value:
        """An array as the tensor that stands there in the program: numpy has no bfloat16."""
        if not isinstance(value, np.ndarray):
            return value
        described = self._nodes[name].meta.get("val")
        return self._torch.tensor(value, dtype=getattr(described, "dtype", None))

    def _value(self, value: Value) -> Value:
        return as_array(self._torch, value) if isinstance(value, self._torch.Tensor) else value


def _operator(node: "torch.fx.Node") -> Operator:
    reads = tuple(one.name for one in node.all_input_nodes)
    kind = str(getattr(node.target, "_opname", getattr(node.target, "__name__", node.target)))
    return Operator(
        kind,
        reads,
        (node.name,),
        node,
        shapes=frozenset(reads) if kind in ONLY_SHAPES else frozenset(),
        conceals="runs other operators on what rows hold"
        if any(one.op == "get_attr" for one in node.all_input_nodes)
        else "",
    )
