"""A network as somebody configured it becomes an ONNX graph, or it is said which step failed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.export import Dim

from app.tensors import Tensors
from training.errors import TrainingError, first_line
from training.graphs.export import exported
from training.importing.beside_pipeline import TOLERANCE
from training.recipe import Exported


def written(
    module: nn.Module, batch: Tensors, path: Path, outputs: Sequence[str], varying: Mapping[int, Dim] | None = None
) -> Exported:
    """The graph of `module` at `path`, written by torch's exporter and compared with it on the real `batch`.

    Names of tensors, and `varying`, are as in `exported`. Raises TrainingError.
    """
    try:
        with torch.inference_mode():
            found = module(*map(torch.from_numpy, batch.values()))
    except Exception as error:  # torch and transformers raise whatever they run into
        raise TrainingError(f"transformers itself cannot compute it: {first_line(error)}") from error
    # What is proved of scores follows; logits, whose size networks choose, are compared by their own largest.
    largest = max(float(one.abs().max()) for one in (found if isinstance(found, tuple) else (found,)))
    try:
        return exported(module, batch, path, outputs, tolerance=TOLERANCE * max(1.0, largest), varying=varying)
    except TrainingError:
        raise
    except Exception as error:  # of the exporter and of onnxruntime likewise
        cause = error.__cause__  # of its own, the exporter says only what it did last
        reason = first_line(cause if isinstance(cause, Exception) else error)
        raise TrainingError(f"torch's exporter cannot write it as a graph: {reason}") from error
