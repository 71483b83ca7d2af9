from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.export import Dim

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from training.graphs.export import to_onnx
from training.graphs.quantize import quantize_static_int8


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((8, 3, 8, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def fp32(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU6(), nn.Conv2d(8, 8, 3), nn.ReLU6(), nn.Flatten(), nn.Linear(128, 4), nn.Softmax(1)
    )
    return to_onnx(
        network,
        [torch.zeros(2, 3, 8, 8)],
        tmp_path_factory.mktemp("graphs") / "fp32.onnx",
        input_names=["pixels"],
        output_names=["probabilities"],
        dynamic_shapes=[{0: Dim("batch")}],
    )


def answers(path: Path, pixels: np.ndarray) -> np.ndarray:
    return load_onnx(path, RuntimeOptions(device="cpu")).run({"pixels": pixels})["probabilities"]


@pytest.mark.parametrize("float_layers", [0, 1, 2])
def test_answers_stay_near_those_of_the_float_graph(
    tmp_path: Path, fp32: Path, pixels: np.ndarray, float_layers: int
) -> None:
    batches = [{"pixels": pixels[i : i + 1]} for i in range(len(pixels))]
    int8 = quantize_static_int8(fp32, tmp_path / "int8.onnx", batches, float_layers=float_layers)
    difference = np.abs(answers(int8, pixels) - answers(fp32, pixels)).max()
    assert 0 < difference < 0.02


@pytest.mark.parametrize(("float_layers", "expected"), [(0, 2), (1, 1), (2, 0)])
def test_the_first_layers_keep_their_float_weights(
    tmp_path: Path, fp32: Path, pixels: np.ndarray, float_layers: int, expected: int
) -> None:
    int8 = quantize_static_int8(fp32, tmp_path / "int8.onnx", [{"pixels": pixels}], float_layers=float_layers)
    graph = onnx.load(int8).graph
    kinds = Counter((each.data_type, len(each.dims)) for each in graph.initializer)
    assert kinds[onnx.TensorProto.INT8, 4] == expected
    assert kinds[onnx.TensorProto.FLOAT, 4] == 2 - expected


def test_only_the_result_is_left_behind(tmp_path: Path, fp32: Path, pixels: np.ndarray) -> None:
    quantize_static_int8(fp32, tmp_path / "int8.onnx", [{"pixels": pixels}])
    assert [path.name for path in tmp_path.iterdir()] == ["int8.onnx"]
