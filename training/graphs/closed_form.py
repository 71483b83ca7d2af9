"""A recommender in closed form as a graph: the rows of its weights for each event, which fade with their age."""

from pathlib import Path

import numpy as np
from onnx import TensorProto

from app.repository.manifest import Verification
from app.runtimes.onnx import load_onnx, signature_of_onnx
from app.runtimes.options import RuntimeOptions
from app.tensors import Array
from training.errors import TrainingError
from training.graphs.writer import GraphWriter, tensor
from training.recipe import Exported

LARGEST_DIFFERENCE = 1e-4  # of scores of about ten, whose sums may be added up in another order


def write_ease(weights: Array, recency: float, max_history: int, path: Path) -> Path:
    """Write `path` and return it: `item_ids` int64 [batch, history], padded with 0 from the left, to `scores` fp32
    [batch, items + 1], by `weights` [items + 1, items + 1], whose row 0 is 0; an event counts `recency` of the next.
    """
    graph = GraphWriter()
    faded = np.asarray(recency ** np.arange(max_history - 1.0, -1, -1), np.float32)[None]
    rows = graph.add("Gather", [graph.constant(weights.astype(np.float32)), "item_ids"])
    total = graph.add("MatMul", [graph.constant(faded), rows])
    graph.add("Squeeze", [total, graph.constant([1])], output="scores")
    asked = tensor("item_ids", ("batch", max_history), TensorProto.INT64)
    return graph.save(path, [asked], [tensor("scores", ("batch", weights.shape[1]))])


def proven_ease(graph: Path, item_ids: Array, expected: Array) -> Exported:
    """The graph, whose scores of `item_ids` are those that numpy `expected`, alone and together.

    Raises TrainingError if one differs by more than LARGEST_DIFFERENCE.
    """
    session, signature = load_onnx(graph, RuntimeOptions(device="cpu")), signature_of_onnx(graph)
    alone = [session.run({"item_ids": row[None]})["scores"][0] for row in item_ids]
    together = session.run({"item_ids": item_ids})["scores"]
    differences = [float(np.abs(found - expected).max()) for found in (np.stack(alone), together)]
    if not max(differences) <= LARGEST_DIFFERENCE:
        raise TrainingError(f"the graph differs from numpy by {max(differences):.2g}, more than {LARGEST_DIFFERENCE:g}")
    found = Verification(batch_1=differences[0], batch_n=differences[1], n=len(item_ids), inputs=len(item_ids))
    return Exported(graph, signature.inputs, signature.outputs, found)
