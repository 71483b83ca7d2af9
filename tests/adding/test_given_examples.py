"""Whoever adds a graph may give more along: weights in other files, class names, examples, sizes."""

import asyncio
from pathlib import Path

import numpy as np
import onnx
import pytest
from engines import infer, near_engine, tensors_of
from onnx import TensorProto, helper
from test_command import FLOAT, INT64, STRING, answer, doubled, onnx_file

from app.adding.command import Wishes, add, add_model
from app.errors import InvalidArtifact, InvalidInput


def with_weights_in(path: Path, location: str) -> Path:
    """x + w, where w lies in another file."""
    weight = TensorProto(name="w", data_type=FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value=location)
    file = onnx_file(path, [("Add", ["x", "w"], ["y"], {})], {"x": (FLOAT, ["n", 4])}, {"y": (FLOAT, ["n", 4])})
    model = onnx.load(file)
    model.graph.initializer.append(weight)
    file.write_bytes(model.SerializeToString())
    return file


@pytest.mark.parametrize("location", ["model.onnx_data", "weights/layer.0/w", "./w.bin"])
def test_weights_come_along_from_where_the_graph_says_they_are(tmp_path, location):
    file = with_weights_in(tmp_path / "large.onnx", location)
    (tmp_path / location).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / location).write_bytes(np.arange(4, dtype=np.float32).tobytes())
    (tmp_path / "large.onnx.data").write_bytes(b"of another graph")
    manifest = add_model(file, "large", tmp_path / "models")
    assert set(manifest.files) == {"large.onnx", location.removeprefix("./")}
    assert answer(tmp_path / "models", "large", {"x": [0, 0, 0, 0]}) == {"y": [0, 1, 2, 3]}


@pytest.mark.parametrize(
    ("location", "message"),
    [
        pytest.param("../secret", "not inside its folder", id="up"),
        pytest.param("sub/../../secret", "not inside its folder", id="up from a folder below"),
        pytest.param("{absolute}", "not inside its folder", id="absolute"),
        pytest.param("..\\secret", "not inside its folder", id="up, in another way to write it"),
        pytest.param("link", "a link out of its folder", id="a link"),
        pytest.param("folder/secret", "a link out of its folder", id="a link to a folder"),
        pytest.param("manifest.json", "another name", id="the manifest"),
        pytest.param("absent", "not there", id="absent"),
    ],
)
def test_weights_elsewhere_are_refused(tmp_path, location, message):
    (tmp_path / "secret").write_bytes(bytes(16))
    folder = tmp_path / "graphs"
    (folder / "sub").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "folder").symlink_to(tmp_path)
    (folder / "manifest.json").write_bytes(bytes(16))
    file = with_weights_in(folder / "large.onnx", location.format(absolute=tmp_path / "secret"))
    with pytest.raises(InvalidArtifact, match=message):
        add_model(file, "large", tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_maps_from_class_to_score_become_scores_and_class_names(tmp_path):
    """As exporters of scikit-learn end a classifier."""
    classes = {"classlabels_strings": ["no", "yes"]}
    nodes = [
        helper.make_node("Softmax", ["x"], ["scores"]),
        helper.make_node("ZipMap", ["scores"], ["probability"], domain="ai.onnx.ml", **classes),
    ]
    probability = helper.make_value_info(
        "probability",
        helper.make_sequence_type_proto(helper.make_map_type_proto(STRING, helper.make_tensor_type_proto(FLOAT, []))),
    )
    graph = helper.make_graph(nodes, "graph", [helper.make_tensor_value_info("x", FLOAT, ["N", 2])], [probability])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 1)]
    (tmp_path / "map.onnx").write_bytes(
        helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    )
    manifest = add_model(tmp_path / "map.onnx", "map", tmp_path / "models")
    assert manifest.outputs[0].model_dump() == {"name": "probability", "datatype": "FP32", "shape": (-1, 2)}
    assert manifest.config["class_names"] == {"probability": ["no", "yes"]}
    assert answer(tmp_path / "models", "map", {"x": [1, 1]}) == {"probability": [0.5, 0.5]}


@pytest.mark.parametrize("text", ['["cat", "dog", "eel"]', "cat\ndog\neel\n"], ids=["JSON", "lines"])
def test_class_names_can_be_given(tmp_path, text):
    (tmp_path / "labels").write_text(text)
    file = doubled(tmp_path / "double.onnx", ["N", 3])
    manifest = add(file, "double", tmp_path / "models", Wishes(labels=tmp_path / "labels")).manifest
    assert manifest.config["class_names"] == {"y": ["cat", "dog", "eel"]}


@pytest.mark.parametrize("text", ["cat\ndog", "[1, 2, 3]", "", "[", None])
def test_class_names_that_fit_nothing_are_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "labels").write_text(text)
    with pytest.raises(InvalidInput, match=r"^--labels"):
        add(
            doubled(tmp_path / "double.onnx", ["N", 3]),
            "double",
            tmp_path / "models",
            Wishes(labels=tmp_path / "labels"),
        )
    assert not (tmp_path / "models").exists()


def reshaped(path: Path) -> Path:
    """x [2, 3] in the shape that is asked for: neither one nor zero is valid there."""
    return onnx_file(
        path,
        [("Reshape", ["x", "shape"], ["y"], {"allowzero": 1})],
        {"x": (FLOAT, [2, 3]), "shape": (INT64, [2])},
        {"y": (FLOAT, ["a", "b"])},
    )


def test_a_graph_that_takes_neither_ones_nor_zeros_is_published_without_a_golden_example(tmp_path):
    manifest = add_model(reshaped(tmp_path / "reshape.onnx"), "reshape", tmp_path / "models")
    assert manifest.golden == ()
    assert manifest.limits[0].startswith("Has no golden example: it answers neither ones nor zeros (Reshape: ")
    assert served(tmp_path / "models", "reshape", {"x": SIX, "shape": np.array([3, 2])}) == [[0, 1], [2, 3], [4, 5]]


SIX = np.arange(6, dtype=np.float32).reshape(2, 3)


def served(models: Path, name: str, inputs: dict) -> list:
    """Return the answer of the whole service."""

    async def ask() -> list:
        engine = near_engine(models)
        await engine.load(name)
        inference = await infer(engine, name, inputs)
        await engine.stop()
        return tensors_of(inference)["y"].tolist()

    return asyncio.run(ask())


def test_an_example_that_is_given_is_the_golden_one(tmp_path):
    np.savez(tmp_path / "example.npz", x=SIX, shape=np.array([6, 1]))
    wishes = Wishes(example=tmp_path / "example.npz")
    manifest = add(reshaped(tmp_path / "reshape.onnx"), "reshape", tmp_path / "models", wishes).manifest
    assert manifest.golden[0].input == {"x": [[0, 1, 2], [3, 4, 5]], "shape": [6, 1]}
    assert manifest.golden[0].output == {"y": [[0], [1], [2], [3], [4], [5]]}
    assert "example.npz" in manifest.files
    assert served(tmp_path / "models", "reshape", {"x": SIX, "shape": np.array([3, 2])}) == [[0, 1], [2, 3], [4, 5]]


def test_of_an_example_of_several_rows_the_first_is_kept_and_sizes_are_learnt(tmp_path):
    np.savez(tmp_path / "example.npz", x=np.arange(10, dtype=np.float64).reshape(2, 5))
    wishes = Wishes(example=tmp_path / "example.npz")
    manifest = add(doubled(tmp_path / "double.onnx", ["N", "any"]), "double", tmp_path / "models", wishes).manifest
    assert manifest.config["batched"] is True
    assert manifest.golden[0].input == {"x": [0, 1, 2, 3, 4]}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        pytest.param({"y": SIX}, "it has y; the graph reads x", id="another name"),
        pytest.param({"x": SIX[0]}, "x has 1 dimensions, and should have 2", id="too few dimensions"),
        pytest.param({"x": SIX[:, :2]}, "dimension 1 of x is 2, and should be 3", id="another size"),
        pytest.param({"x": SIX.astype(str)}, "x is an array of object, and should be one of float32", id="texts"),
        pytest.param({"x": SIX.astype(object)}, r"is no \.npz file of arrays", id="pickled"),
    ],
)
def test_an_example_that_does_not_fit_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "example.npz", **arrays)
    file = doubled(tmp_path / "double.onnx", ["N", 3])
    with pytest.raises(InvalidInput, match=f"^--example.*{message}"):
        add(file, "double", tmp_path / "models", Wishes(example=tmp_path / "example.npz"))
    assert not (tmp_path / "models").exists()


def test_a_size_of_no_dimension_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"--size height=3: no dimension that varies .*; there are: N"):
        add(doubled(tmp_path / "double.onnx", ["N", 3]), "double", tmp_path / "models", Wishes(sizes={"height": 3}))
