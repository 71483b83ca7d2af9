"""A BERT becomes the graph that says how alike sentences are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.summarization import Summarization
from app.tasks.summary_schema import ArticleInput, SummarizationParameters
from app.tensors import Tensors
from training.graphs.bert import write_bert
from training.graphs.export import proven
from training.graphs.linear import Fp32Products
from training.networks.minilm import SentenceEncoder
from training.recipe import Exported

INPUTS = ("input_ids", "attention_mask")
LARGEST_DIFFERENCE = 1e-5  # of a coordinate of a vector of length one, by rounding


def sentence_rows(task: Summarization, articles: Sequence[str]) -> list[Tensors]:
    return [
        row
        for article in articles
        for row in task.preprocess(ArticleInput(text=article), SummarizationParameters()).rows
    ]


def export_sentences(task: Summarization, network: SentenceEncoder, rows: Sequence[Tensors], workdir: Path) -> Exported:
    """The graph of `network`, proven equal to it on `rows`. Raises TrainingError."""
    graph = write_bert(network.bert, None, workdir / "model.onnx", Fp32Products())
    batch = task.kernel.collate(rows)
    return proven(network, graph, {name: batch[name] for name in INPUTS}, tolerance=LARGEST_DIFFERENCE)


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
