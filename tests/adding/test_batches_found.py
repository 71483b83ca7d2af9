"""The dimensions of a graph that vary, and the rows it takes at a time, are found by running it."""

import pytest
import torch
from test_command import FLOAT, INT64, answer, doubled, onnx_file
from torch.export import Dim, export

from app.adding.command import add_model
from training.graphs.program import save_program


def test_a_graph_of_fixed_shape_is_served_one_item_at_a_time(tmp_path):
    manifest = add_model(doubled(tmp_path / "double.onnx", [2, 3]), "double", tmp_path / "models")
    assert manifest.config["batched"] is False
    assert manifest.batching.max_batch_size == 1
    assert answer(tmp_path / "models", "double", {"x": [[1, 2, 3], [4, 5, 6]]}) == {"y": [[2, 4, 6], [8, 10, 12]]}


@pytest.mark.parametrize(
    "nodes",
    [
        pytest.param([("CumSum", ["x", "zero"], ["y"], {})], id="rows see those before them"),
        pytest.param([("CumSum", ["x", "zero"], ["y"], {"reverse": 1})], id="rows see those after them"),
        pytest.param(
            [("ReduceMean", ["x", "zero"], ["mean"], {}), ("Sub", ["x", "mean"], ["y"], {})], id="rows see all"
        ),
    ],
)
def test_rows_that_depend_on_each_other_never_share_a_batch(tmp_path, nodes):
    file = onnx_file(
        tmp_path / "rows.onnx", nodes, {"x": (FLOAT, ["time", 2])}, {"y": (FLOAT, ["time", 2])}, {"zero": [0]}
    )
    manifest = add_model(file, "rows", tmp_path / "models")
    assert manifest.config["batched"] is False
    assert manifest.inputs[0].shape == (-1, 2)


def test_one_answer_for_all_rows_is_not_a_batch(tmp_path):
    file = onnx_file(
        tmp_path / "sum.onnx",
        [("ReduceSum", ["x"], ["y"], {"keepdims": 0})],
        {"x": (FLOAT, ["n", 2])},
        {"y": (FLOAT, [])},
    )
    manifest = add_model(file, "sum", tmp_path / "models")
    assert manifest.config["batched"] is False
    assert answer(tmp_path / "models", "sum", {"x": [[1, 2], [3, 4], [5, 6]]}) == {"y": 21}


def test_varying_dimensions_are_measured_at_the_smallest_size_that_works(tmp_path):
    file = onnx_file(
        tmp_path / "tiles.onnx",
        [("Reshape", ["x", "rows of 64"], ["y"], {})],
        {"x": (FLOAT, ["batch", "height", "width"])},
        {"y": (FLOAT, ["batch", "tiles", 64])},
        {"rows of 64": [0, -1, 64]},
    )
    config = add_model(file, "tiles", tmp_path / "models").config
    assert config["batched"] is True
    assert config["probe_size"] == 8  # 8 x 8 = 64


def test_an_output_whose_shape_the_file_leaves_open_gets_the_right_rank(tmp_path):
    file = onnx_file(
        tmp_path / "open.onnx",
        [("Reshape", ["x", "shape"], ["y"], {})],
        {"x": (FLOAT, ["n", 1]), "shape": (INT64, ["rank"])},
        {"y": (FLOAT, None)},
    )
    manifest = add_model(file, "open", tmp_path / "models")
    assert manifest.config["batched"] is False
    assert manifest.outputs[0].shape == (-1,)


def test_seven_dimensions_that_vary_are_tried_in_time(tmp_path):
    file = doubled(tmp_path / "seven.onnx", list("abcdefg"))
    assert add_model(file, "seven", tmp_path / "models").inputs[0].shape == (-1,) * 7


@pytest.mark.parametrize(
    ("dimension", "is_batched"),
    [("N", True), ("batch_size", True), ("unk__6", True), ("samples", False), ("time", False), (None, False)],
)
def test_a_vector_is_one_row_unless_its_dimension_is_called_a_batch(tmp_path, dimension, is_batched):
    manifest = add_model(doubled(tmp_path / "double.onnx", [dimension]), "double", tmp_path / "models")
    assert manifest.config["batched"] is is_batched


@pytest.mark.parametrize(("least", "most"), [(None, 8), (2, 8)])
def test_a_program_is_asked_for_no_more_rows_than_it_takes(tmp_path, least, most):
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Flatten()).eval()
    program = export(network, (torch.randn(4, 3, 8, 8),), dynamic_shapes=({0: Dim("b", min=least, max=most)},))
    save_program(program, tmp_path / "norm.pt2")
    manifest = add_model(tmp_path / "norm.pt2", "norm", tmp_path / "models")
    assert manifest.config["batched"] is True
    assert manifest.batching.max_batch_size == 8


def test_rows_that_change_in_large_batches_only_never_share_one(tmp_path):
    """Of more than sixteen, each gets one more."""
    file = onnx_file(
        tmp_path / "many.onnx",
        [
            ("Shape", ["x"], ["count"], {"end": 1}),
            ("Greater", ["count", "sixteen"], ["many"], {}),
            ("Cast", ["many"], ["one"], {"to": FLOAT}),
            ("Add", ["x", "one"], ["y"], {}),
        ],
        {"x": (FLOAT, ["N", 3])},
        {"y": (FLOAT, ["N", 3])},
        {"sixteen": [16]},
    )
    assert add_model(file, "many", tmp_path / "models").config["batched"] is False


@pytest.mark.parametrize(
    ("left", "right", "is_batched"),
    [
        pytest.param("batch", "batch", True, id="one name"),
        pytest.param(None, None, True, id="no names, and they must be equal"),
        pytest.param("unk__1", "unk__2", True, id="numbers for names, and they must be equal"),
        pytest.param("batch", None, True, id="a name and none, and they must be equal"),
        pytest.param("batch", "other", False, id="two names"),
    ],
)
def test_first_dimensions_are_one_batch_if_they_have_one_name(tmp_path, left, right, is_batched):
    file = onnx_file(
        tmp_path / "sum.onnx",
        [("Add", ["a", "b"], ["y"], {})],
        {"a": (FLOAT, [left, 3]), "b": (FLOAT, [right, 3])},
        {"y": (FLOAT, ["n", 3])},
    )
    assert add_model(file, "sum", tmp_path / "models").config["batched"] is is_batched


def test_first_dimensions_without_names_that_may_differ_are_not_one_batch(tmp_path):
    file = onnx_file(
        tmp_path / "two.onnx",
        [("Relu", ["a"], ["p"], {}), ("Relu", ["b"], ["q"], {})],
        {"a": (FLOAT, [None, 3]), "b": (FLOAT, [None, 3])},
        {"p": (FLOAT, [None, 3]), "q": (FLOAT, [None, 3])},
    )
    assert add_model(file, "two", tmp_path / "models").config["batched"] is False
