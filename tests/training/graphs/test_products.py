"""Single products in few bits, beside the same product in fp32."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn

from app.tensors import Array
from training.graphs.digits import LARGEST_DIGIT, ZERO_POINT
from training.graphs.linear import LARGEST_CODE, LARGEST_WEIGHT, largest_of_pairs
from training.graphs.products import (
    BLOCK,
    BlockProducts,
    DecoderProducts,
    DigitProducts,
    MixedProducts,
    RowInt8Products,
    blocks,
)
from training.graphs.writer import GraphWriter, tensor

INPUTS, OUTPUTS = 96, 80


@pytest.fixture(scope="module")
def layer() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(INPUTS, OUTPUTS)


@pytest.fixture(scope="module")
def rows() -> Array:
    found = np.random.default_rng(0).standard_normal((9, 7, INPUTS)).astype(np.float32)
    found[4] *= 30  # a loud row among the others
    return found


def answer(products: DecoderProducts, layer: nn.Linear, rows: Array, folder: Path) -> Array:
    graph = GraphWriter()
    (found,) = products.linear(graph, "rows", [layer])
    graph.add("Identity", [found], output="answer")
    shape = ("batch", "tokens")
    path = graph.save(
        folder / "product.onnx", [tensor("rows", (*shape, INPUTS))], [tensor("answer", (*shape, OUTPUTS))]
    )
    given: Array = ort.InferenceSession(str(path)).run(None, {"rows": rows})[0]
    return given


@pytest.mark.parametrize(
    ("products", "most"),
    [
        pytest.param(RowInt8Products(), 0.02, id="int8"),
        pytest.param(BlockProducts(8), 0.01, id="8 bits in blocks"),
        pytest.param(DigitProducts(), 0.01, id="8 bits, rows in digits"),
        pytest.param(BlockProducts(4), 0.1, id="4 bits in blocks"),
    ],
)
def test_a_product_in_few_bits_is_near_each_row(
    products: DecoderProducts, most: float, layer: nn.Linear, rows: Array, tmp_path: Path
) -> None:
    with torch.inference_mode():
        expected = layer(torch.from_numpy(rows)).numpy()

    wrong = np.abs(answer(products, layer, rows, tmp_path) - expected).mean((1, 2)) / np.abs(expected).mean((1, 2))

    assert wrong.max() < most


def test_gates_have_a_scale_for_each_row_and_all_else_one_for_each_block(layer: nn.Linear, tmp_path: Path) -> None:
    for layers, operator in (([layer, layer], "MatMulIntegerToFloat"), ([layer], "MatMulNBits")):
        graph = GraphWriter()
        answers = MixedProducts().linear(graph, "rows", layers)
        tensors = [tensor(name, ("batch", OUTPUTS)) for name in answers]
        written = onnx.load(graph.save(tmp_path / "products.onnx", [tensor("rows", ("batch", INPUTS))], tensors))
        products = [node.op_type for node in written.graph.node if node.op_type.startswith("MatMul")]
        assert products == [operator] * len(layers)


def test_gates_and_square_layers_are_by_row_and_all_else_reads_two_digits(layer: nn.Linear, tmp_path: Path) -> None:
    square = nn.Linear(INPUTS, INPUTS)
    for layers, has_digits in (([layer, layer], False), ([square], False), ([layer], True)):
        graph = GraphWriter()
        answers = DigitProducts().linear(graph, "rows", layers)
        tensors = [tensor(name, ("batch", layers[0].out_features)) for name in answers]
        written = onnx.load(graph.save(tmp_path / "products.onnx", [tensor("rows", ("batch", INPUTS))], tensors))
        assert any(node.op_type == "Split" for node in written.graph.node) == has_digits


def test_rows_in_two_digits_are_nearly_exact(rows: Array, tmp_path: Path) -> None:
    """Beside weights that 8 bits say exactly, what is wrong is the rows' part: 1 of 8,000."""
    layer = nn.Linear(INPUTS, OUTPUTS, bias=False)
    codes = np.random.default_rng(1).integers(-127, 128, (OUTPUTS, INPUTS))
    codes[:, 0] = 127
    layer.weight = nn.Parameter(torch.from_numpy(codes.astype(np.float32) / 127))
    expected = rows @ layer.weight.detach().numpy().T
    wrong = np.abs(answer(DigitProducts(), layer, rows, tmp_path) - expected).mean((1, 2))
    assert (wrong / np.abs(expected).mean((1, 2))).max() < 2e-4


def test_no_pair_of_digits_overflows_sixteen_bits() -> None:
    assert (ZERO_POINT + LARGEST_DIGIT) * 2 * LARGEST_WEIGHT < 2**15
    assert ZERO_POINT > LARGEST_DIGIT


def test_weights_that_lie_on_sixteen_steps_stay_as_they_are() -> None:
    random = np.random.default_rng(0)
    steps = random.integers(0, 16, (OUTPUTS, INPUTS // BLOCK, BLOCK)).astype(np.float32)
    steps[..., 0], steps[..., 1] = 0, 15
    scales, least = random.uniform(0.5, 2, steps.shape[:2]), random.uniform(-9, 3, steps.shape[:2])
    weight = (steps * scales[..., None] + least[..., None]).astype(np.float32)

    found = blocks(weight.reshape(OUTPUTS, INPUTS), 4)

    codes = np.stack([found.codes & 15, found.codes >> 4], -1).reshape(steps.shape)
    zeros = np.stack([found.zeros & 15, found.zeros >> 4], -1).reshape(OUTPUTS, -1)[:, : steps.shape[1], None]
    kept = (codes.astype(np.float32) - zeros) * found.scales[..., None] + found.rests[..., None]
    np.testing.assert_allclose(kept, weight, atol=1e-5)


def test_no_pair_of_products_overflows_sixteen_bits() -> None:
    weight = np.random.default_rng(0).standard_normal((300, 577)).astype(np.float32)

    codes = np.round(weight / largest_of_pairs(weight)[:, None] * LARGEST_CODE)

    pairs = np.abs(codes[:, :-1:2] + codes[:, 1::2])
    assert max(pairs.max(), np.abs(codes).max()) * 255 < 2**15
