from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from training.export import largest_difference, to_onnx
from training.quantize_dynamic import quantize_dynamic_int8

WORDS, WIDTH = 1000, 64


class Classifier(nn.Module):
    """A table of words, a small table of kinds, and two layers; the answer of a row is that of its tokens' mean."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.kinds = nn.Embedding(2, WIDTH)
        self.hidden = nn.Linear(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, 3)
        with torch.no_grad():
            self.words.weight[0] = 0.0
            self.kinds.weight[0] = 0.0
            self.words.weight[1] *= 1000.0

    def forward(self, ids: Tensor) -> Tensor:
        embedded = self.words(ids) + self.kinds((ids == 2).long())
        return self.head(torch.relu(self.hidden(embedded)).mean(1))


@pytest.fixture(scope="module")
def network() -> Classifier:
    torch.manual_seed(0)
    return Classifier()


@pytest.fixture(scope="module")
def fp32(network: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return to_onnx(
        network,
        [torch.randint(0, WORDS, (2, 7))],
        tmp_path_factory.mktemp("graph") / "fp32.onnx",
        input_names=["ids"],
        output_names=["logits"],
        dynamic_shapes=[{0: Dim("batch", min=1, max=64), 1: Dim("tokens", min=2, max=64)}],
    )


@pytest.fixture(scope="module")
def int8(fp32: Path) -> Path:
    return quantize_dynamic_int8(fp32, fp32.with_name("int8.onnx"))


@pytest.fixture(scope="module")
def session(int8: Path) -> ort.InferenceSession:
    return ort.InferenceSession(str(int8), providers=["CPUExecutionProvider"])


def ordinary_ids(rows: int, tokens: int) -> np.ndarray:
    return np.random.default_rng(0).integers(3, WORDS, (rows, tokens))


def test_it_is_about_a_quarter_of_the_size(fp32: Path, int8: Path) -> None:
    assert int8.stat().st_size < 0.35 * fp32.stat().st_size


@pytest.mark.parametrize(("rows", "tokens"), [(1, 2), (2, 7), (9, 30)])
def test_answers_are_almost_those_of_the_network(rows: int, tokens: int, network: Classifier, int8: Path) -> None:
    assert 0 < largest_difference(network, int8, {"ids": ordinary_ids(rows, tokens)}) < 0.02


def test_an_answer_does_not_depend_on_its_batch(session: ort.InferenceSession) -> None:
    ids = ordinary_ids(8, 5)
    ids[7] = 1  # a row a thousand times larger than the others
    [together] = session.run(["logits"], {"ids": ids})
    for row, answer in zip(ids, together, strict=True):
        [[alone]] = session.run(["logits"], {"ids": row[None]})
        assert answer == pytest.approx(alone, abs=1e-6, rel=1e-6)


def test_rows_of_zeros_are_answered(session: ort.InferenceSession, network: Classifier) -> None:
    [[answer]] = session.run(["logits"], {"ids": np.zeros((1, 4), np.int64)})
    with torch.inference_mode():
        expected = network(torch.zeros(1, 4, dtype=torch.long))[0].numpy()
    assert answer == pytest.approx(expected, abs=0.02)


def test_products_of_tokens_and_large_tables_are_int8_and_the_rest_stays(int8: Path) -> None:
    graph = onnx.load(int8).graph
    matrices = [tensor for tensor in graph.initializer if len(tensor.dims) == 2]
    floats = {tuple(tensor.dims) for tensor in matrices if tensor.data_type == onnx.TensorProto.FLOAT}
    scales = {shape for shape in floats if 1 in shape}
    assert floats - scales == {(2, WIDTH), (3, WIDTH)}
    assert "MatMul" not in {node.op_type for node in graph.node}


def test_no_sum_of_two_products_leaves_16_bits(int8: Path) -> None:
    graph = onnx.load(int8).graph
    codes = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = [codes[node.input[1]] for node in graph.node if node.op_type == "MatMulInteger"]
    assert weights
    for weight in weights:
        assert 2 * 255 * np.abs(weight.astype(int)).max() <= np.iinfo(np.int16).max
