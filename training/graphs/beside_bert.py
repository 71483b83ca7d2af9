"""The graph that says how alike sentences are, beside the BERT it was written from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.summarization import Summarization
from app.tensors import Tensors
from training.graphs.compared import Compared
from training.graphs.export import proven
from training.graphs.sentences import write_sentences
from training.networks.minilm import SentenceEncoder
from training.recipe import Exported

INPUTS = ("input_ids", "attention_mask")
LARGEST_DIFFERENCE = 1e-5  # of a coordinate of a vector of length one, by rounding


def export_sentences(task: Summarization, network: SentenceEncoder, rows: Sequence[Tensors], workdir: Path) -> Exported:
    """The graph of `network`, proven equal to it on `rows`. Raises TrainingError."""
    return _proven(task, network, write_sentences(network.bert, workdir), rows)


def beside_bert(task: Summarization, network: SentenceEncoder, graph: Path, rows: Sequence[Tensors]) -> Compared:
    """The graph proven equal to `network` on `rows`, and the least cosine to its vectors. Raises TrainingError."""
    verification = _proven(task, network, graph, rows).verification
    return Compared(verification=verification, figure=smallest_cosine(task, network, graph, rows))


def smallest_cosine(task: Summarization, network: SentenceEncoder, graph: Path, rows: Sequence[Tensors]) -> float:
    """Return the least cosine between torch's and the served graph's vectors, each sentence alone."""
    session = load_onnx(graph, RuntimeOptions(device="cpu"))
    smallest = 1.0
    for row in rows:
        batch = task.kernel.collate([row])
        with torch.inference_mode():
            expected = network(*(torch.from_numpy(batch[name]) for name in INPUTS)).numpy()
        smallest = min(smallest, float(np.sum(expected * session.run(batch)["embedding"])))
    return smallest


def _proven(task: Summarization, network: SentenceEncoder, graph: Path, rows: Sequence[Tensors]) -> Exported:
    batch = task.kernel.collate(rows)
    return proven(network, graph, {name: batch[name] for name in INPUTS}, tolerance=LARGEST_DIFFERENCE)
