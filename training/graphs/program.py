"""Write an exported PyTorch program that the service will load: tensors and operators, and no pickle."""

from pathlib import Path

import torch
from torch.export import ExportedProgram

from app.runtimes.pytorch import open_program


def save_program(program: ExportedProgram, path: Path) -> None:
    """Write `path`, which must end in .pt2. Raises InvalidArtifact if the service would refuse the program.

    The example inputs, which would be pickled, and the stack traces, which name files of this machine, are
    removed from `program` first.
    """
    program.example_inputs = None
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
    torch.export.save(program, path)
    open_program(path)
