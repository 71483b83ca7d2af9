"""A trained classifier of texts as what the service runs: graphs and a program, judged and timed."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn
from torch.export import Dim

from app.repository.manifest import Variant
from app.runtimes import RUNTIMES
from app.runtimes.hardware import hardware
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.text_classification import TextClassification
from app.tensors import Session
from training.data import minilm
from training.data.reading import Scores, answers, encode
from training.graphs.bert import write_bert
from training.graphs.export import proven
from training.graphs.linear import Fp32Products, Int8Products
from training.graphs.program import save_program
from training.graphs.ranges import input_ranges
from training.measures.calibration import cannot_be_calibrated, fit_temperature
from training.networks.minilm import TextClassifier
from training.recipe import Exported

LARGEST_DIFFERENCE = 1e-4  # of a score between torch and a graph: by rounding, in another order of sums
LENGTHS = (16, 64, 128)  # tokens of the texts that are timed: a sentence, a paragraph, a review
BF16 = {"avx512_bf16", "amx_bf16", "bf16"}  # instructions of processors
TIMED_RUNS = 50  # of which the fastest counts

# What is measured; the version is int8, and the others are its variants where they are wanted.
VARIANTS = {
    "int8": Variant(runtime="onnx", precision="int8", graphs={"model": "model.onnx"}),
    "fp32": Variant(runtime="onnx", precision="fp32", graphs={"model": "fp32.onnx"}),
    "bf16": Variant(runtime="pytorch", precision="bf16", graphs={"model": "model.pt2"}),
}


def export_classifier(
    task: TextClassification, network: TextClassifier, texts: Iterable[str], typical: Iterable[str], workdir: Path
) -> tuple[dict[str, Path], Exported]:
    """Files of all VARIANTS by name, and the fp32 graph, from what `export_graphs` takes. Raises TrainingError."""
    texts = list(texts)
    files, fp32 = export_graphs(task, network, texts, typical, workdir)
    inputs = [torch.from_numpy(array) for array in task.kernel.collate(encode(task, texts)).values()]
    varying = {0: Dim("batch", min=1, max=4096), 1: Dim("tokens", min=2, max=minilm.MAX_TOKENS)}
    program = torch.export.export(_Named(network), tuple(inputs), dynamic_shapes=(varying, varying))
    for node in program.graph.nodes:
        # The service loads no program with names of two underscores in it; of masks the two mean the same.
        if node.target is torch.ops.aten.__and__.Tensor:
            node.target = torch.ops.aten.bitwise_and.Tensor
    save_program(program, workdir / "model.pt2")
    return {**files, "model.pt2": workdir / "model.pt2"}, fp32


def export_graphs(
    task: TextClassification, network: TextClassifier, texts: Iterable[str], typical: Iterable[str], workdir: Path
) -> tuple[dict[str, Path], Exported]:
    """The graphs in int8 and fp32 by the names of their files, and the latter, compared with `network` on `texts`.

    The scales of the int8 graph are those of `typical` texts. Raises TrainingError.
    """
    batch = task.kernel.collate(encode(task, texts))
    graph = write_bert(network.bert, network.head, workdir / "fp32.onnx", Fp32Products())
    fp32 = proven(network, graph, batch, tolerance=LARGEST_DIFFERENCE)
    ranges = input_ranges(network.bert, (task.kernel.collate([row]) for row in encode(task, typical)))
    int8 = write_bert(network.bert, network.head, workdir / "model.onnx", Int8Products(ranges))
    return {"model.onnx": int8, "fp32.onnx": graph}, fp32


class _Named(nn.Module):
    """A program's outputs are called as the keys of what it returns."""

    def __init__(self, network: TextClassifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        return {"logits": self.network(input_ids, attention_mask)}


def has_bf16() -> bool:
    """Whether this machine computes in bf16 itself; where that is imitated, it takes many times as long."""
    return torch.cuda.is_available() or not BF16.isdisjoint(hardware("cpu", 1)["processor"].split())


def open_variant(name: str, files: Mapping[str, Path]) -> dict[str, Session]:
    variant = VARIANTS[name]
    options = RuntimeOptions(device="cpu", precision=variant.precision)
    return {graph: RUNTIMES[variant.runtime](files[file], options) for graph, file in variant.graphs.items()}


def infer(task: TextClassification, sessions: Mapping[str, Session], texts: Iterable[str]) -> Scores:
    """Logits [texts, labels], in batches of similar length."""
    return answers(task, texts, lambda batch: task.kernel.forward(sessions, batch)["logits"])


def latencies_ms(task: TextClassification, sessions: Mapping[str, Session], runs: int = TIMED_RUNS) -> dict[int, float]:
    """The least time of one text on one thread, of so many runs, by its length in tokens."""
    found = {}
    for length in LENGTHS:
        batch = task.kernel.collate([task.kernel.probe(length)])
        times = []
        for _ in range(runs):
            started = time.perf_counter()
            task.kernel.forward(sessions, batch)
            times.append(time.perf_counter() - started)
        found[length] = 1e3 * min(times)
    return found


def calibrate(
    task: TextClassification, network: TextClassifier, validation: pd.DataFrame, workdir: Path
) -> tuple[float, str]:
    """Divide the answers of `network` by the temperature that `validation` asks for; return it, or 1 and why."""
    graph = write_bert(network.bert, network.head, workdir / "uncalibrated.onnx", Fp32Products())
    logits = infer(task, {"model": load_onnx(graph, RuntimeOptions(device="cpu", threads=2))}, validation.text)
    truth = validation.label.to_numpy()
    temperature = fit_temperature(logits, truth)
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.div_(temperature)
    return temperature, cannot_be_calibrated(logits, truth)


def size_mb(name: str, files: Mapping[str, Path]) -> float:
    return sum(files[file].stat().st_size for file in VARIANTS[name].graphs.values()) / 1e6
