import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from engines import infer, tensors_of
from onnx import TensorProto, helper
from torch.export import Dim, export

from app.adding.command import Wishes, add, add_model
from app.errors import InvalidArtifact, InvalidInput
from app.repository.golden import difference
from app.repository.repository import ModelRepository
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.tasks import TASKS
from app.tasks.view import predict_alone, to_json
from app.telemetry import Telemetry
from training.graphs.program import save_program

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def onnx_file(path: Path, nodes: Sequence, inputs: dict, outputs: dict, constants: dict | None = None) -> Path:
    """A graph of nodes (operator, inputs, outputs, attributes); inputs and outputs map names to (type, shape)."""
    graph = helper.make_graph(
        [helper.make_node(op, reads, writes, **attributes) for op, reads, writes, attributes in nodes],
        "graph",
        [helper.make_tensor_value_info(name, *spec) for name, spec in inputs.items()],
        [helper.make_tensor_value_info(name, *spec) for name, spec in outputs.items()],
        [helper.make_tensor(name, INT64, [len(value)], value) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def doubled(path: Path, shape: list[int | str]) -> Path:
    return onnx_file(path, [("Add", ["x", "x"], ["y"], {})], {"x": (FLOAT, shape)}, {"y": (FLOAT, shape)})


def answer(models: Path, name: str, item: dict) -> dict:
    """What a published model answers, read from the repository as the service does."""
    repository = ModelRepository(models)
    manifest = repository.read(name, 1)
    files = repository.verify(manifest)
    task = TASKS[manifest.task].own(TASKS[manifest.task].open(manifest.config, files))
    session = RUNTIMES[manifest.runtime](files[manifest.graphs["model"]], RuntimeOptions(device="cpu"))
    output = predict_alone(
        task, {"model": session}, task.contract.Input.model_validate(item), task.contract.Parameters()
    )
    return to_json(output)


def test_an_onnx_graph_is_served_as_it_is(tmp_path):
    manifest = add_model(doubled(tmp_path / "double.onnx", ["batch", 3]), "double", tmp_path / "models")
    assert (manifest.name, manifest.version, manifest.task, manifest.runtime) == ("double", 1, "tensors", "onnx")
    assert manifest.inputs[0].model_dump() == {"name": "x", "datatype": "FP32", "shape": (-1, 3)}
    assert manifest.config["batched"] is True
    assert manifest.batching.max_batch_size > 1
    assert answer(tmp_path / "models", "double", {"x": [1, 2, 3]}) == {"y": [2, 4, 6]}


def test_the_golden_example_is_a_request_with_its_answer(tmp_path):
    manifest = add_model(doubled(tmp_path / "double.onnx", ["batch", 3]), "double", tmp_path / "models")
    (golden,) = manifest.golden
    assert golden.input == {"x": [1, 1, 1]}
    assert golden.output == {"y": [2, 2, 2]}
    found = answer(tmp_path / "models", "double", golden.input)
    assert difference(golden.output, found, golden.tolerance) is None


def test_a_second_time_makes_a_second_version(tmp_path):
    file = doubled(tmp_path / "double.onnx", ["batch", 3])
    assert [add_model(file, "double", tmp_path / "models").version for _ in range(2)] == [1, 2]


def test_an_exported_program_is_served_as_it_is(tmp_path):
    class Scores(torch.nn.Module):
        def forward(self, left, right):
            return {"total": left + right, "mean": (left + right).mean(dim=1)}

    batch = Dim("batch")
    program = export(Scores(), (torch.ones(2, 3), torch.ones(2, 3)), dynamic_shapes=({0: batch}, {0: batch}))
    save_program(program, tmp_path / "scores.pt2")
    manifest = add_model(tmp_path / "scores.pt2", "scores", tmp_path / "models")
    assert manifest.runtime == "pytorch"
    assert [tensor.name for tensor in manifest.inputs] == ["left", "right"]
    assert manifest.config["batched"] is True
    found = answer(tmp_path / "models", "scores", {"left": [1, 2, 3], "right": [1, 1, 1]})
    assert found == {"total": [2, 3, 4], "mean": 3}


def test_texts_are_served(tmp_path):
    file = onnx_file(
        tmp_path / "texts.onnx",
        [("Identity", ["text"], ["same"], {})],
        {"text": (STRING, ["n"])},
        {"same": (STRING, ["n"])},
    )
    manifest = add_model(file, "texts", tmp_path / "models")
    assert manifest.config["batched"] is True
    assert answer(tmp_path / "models", "texts", {"text": "grün"}) == {"same": "grün"}


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


def test_a_graph_that_finds_nothing_in_ones_is_served(tmp_path):
    file = onnx_file(
        tmp_path / "find.onnx",
        [("Sub", ["x", "x"], ["zero"], {}), ("NonZero", ["zero"], ["y"], {})],
        {"x": (FLOAT, [3])},
        {"y": (INT64, [1, "found"])},
    )
    assert add_model(file, "find", tmp_path / "models").golden[0].output == {"y": [[]]}


def test_weights_in_a_file_beside_the_graph_come_along(tmp_path):
    weight = TensorProto(name="w", data_type=FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="large.onnx.data")
    (tmp_path / "large.onnx.data").write_bytes(np.arange(4, dtype=np.float32).tobytes())
    shape = ["n", 4]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info("y", FLOAT, shape)],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (tmp_path / "large.onnx").write_bytes(model.SerializeToString())
    manifest = add_model(tmp_path / "large.onnx", "large", tmp_path / "models")
    assert set(manifest.files) == {"large.onnx", "large.onnx.data"}
    assert answer(tmp_path / "models", "large", {"x": [0, 0, 0, 0]}) == {"y": [0, 1, 2, 3]}


def test_a_large_answer_makes_no_golden_example(tmp_path):
    manifest = add_model(doubled(tmp_path / "double.onnx", ["n", 9000]), "double", tmp_path / "models")
    assert manifest.golden == ()
    assert manifest.limits == ("Has no golden example: it would be 18000 numbers.",)


def test_a_random_answer_makes_no_golden_example(tmp_path):
    file = onnx_file(
        tmp_path / "noise.onnx", [("RandomNormalLike", ["x"], ["y"], {})], {"x": (FLOAT, [3])}, {"y": (FLOAT, [3])}
    )
    manifest = add_model(file, "noise", tmp_path / "models")
    assert manifest.golden == ()
    assert manifest.limits == ("Has no golden example: it gives another answer each time.",)


def test_answers_that_are_not_finite_make_a_golden_example_that_json_can_hold(tmp_path):
    file = onnx_file(
        tmp_path / "nan.onnx",
        [("Sub", ["x", "x"], ["zero"], {}), ("Div", ["x", "zero"], ["y"], {})],
        {"x": (FLOAT, ["n", 1])},
        {"y": (FLOAT, ["n", 1])},
    )
    add_model(file, "nan", tmp_path / "models")
    content = (tmp_path / "models" / "nan" / "1" / "manifest.json").read_text()
    golden = json.loads(content, parse_constant=pytest.fail)["golden"][0]
    assert golden["output"] == {"y": ["Infinity"]}
    assert answer(tmp_path / "models", "nan", golden["input"]) == golden["output"]


@pytest.mark.parametrize("name", ["Upper", "a b", "../up", "", "-a", "a" * 65])
def test_a_bad_name_is_refused(tmp_path, name):
    with pytest.raises(InvalidInput, match="is not a model's name"):
        add_model(doubled(tmp_path / "double.onnx", ["n"]), name, tmp_path / "models")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        pytest.param("model.onnx", None, "is not a file", id="missing"),
        pytest.param("model.pkl", b"", r"model\.pkl: only \.onnx and \.pt2 files can be added", id="pickle"),
        pytest.param("model.onnx", b"?", r"model\.onnx is not an ONNX graph that can be run", id="not ONNX"),
        pytest.param("model.pt2", b"?", r"model\.pt2 is not an exported program that can be run", id="not a program"),
    ],
)
def test_a_file_that_cannot_be_served_is_refused_and_nothing_is_published(tmp_path, file, content, message):
    if content is not None:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(InvalidArtifact, match=message):
        add_model(tmp_path / file, "model", tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_datatype_that_v2_lacks_is_refused(tmp_path):
    spec = {"x": (TensorProto.BFLOAT16, [3])}, {"y": (TensorProto.BFLOAT16, [3])}
    file = onnx_file(tmp_path / "bf.onnx", [("Identity", ["x"], ["y"], {})], *spec)
    with pytest.raises(InvalidArtifact, match=r"x is a tensor\(bfloat16\), which has no V2 datatype"):
        add_model(file, "bf", tmp_path / "models")


def test_a_graph_that_fails_on_every_size_is_refused(tmp_path):
    file = onnx_file(
        tmp_path / "never.onnx",
        [("Reshape", ["x", "seven"], ["y"], {})],
        {"x": (FLOAT, ["n", 2])},
        {"y": (FLOAT, [7])},
        {"seven": [7]},
    )
    with pytest.raises(InvalidArtifact, match=r"never\.onnx cannot be run on ones of any size up to 512: .*reshaped"):
        add_model(file, "never", tmp_path / "models")


def test_a_locale_that_is_missing_is_named_with_the_way_to_get_it(tmp_path):
    file = onnx_file(
        tmp_path / "folded.onnx",
        [("StringNormalizer", ["x"], ["y"], {"case_change_action": "LOWER", "locale": "xx_XX.UTF-8"})],
        {"x": (STRING, [2])},
        {"y": (STRING, [2])},
    )
    with pytest.raises(InvalidArtifact, match=r"folded\.onnx needs the locale xx_XX\.UTF-8, .*localedef -i xx_XX -f"):
        add_model(file, "folded", tmp_path / "models")


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
    """What the whole service answers."""

    async def ask() -> list:
        engine = LocalEngine(ModelRepository(models), Telemetry(), options=RuntimeOptions(device="cpu"))
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


def test_a_graph_that_needs_all_memory_is_refused_in_a_sentence(tmp_path):
    file = onnx_file(
        tmp_path / "huge.onnx",
        [
            ("ConstantOfShape", ["size"], ["ones"], {}),
            ("ReduceSum", ["ones"], ["sum"], {}),
            ("Add", ["x", "sum"], ["y"], {}),
        ],
        {"x": (FLOAT, ["N", 3])},
        {"y": (FLOAT, ["N", 3])},
        {"size": [1 << 46]},
    )
    with pytest.raises(InvalidArtifact, match=r"^huge\.onnx needs more memory than there is: ConstantOfShape: \w"):
        add_model(file, "huge", tmp_path / "models")


def test_a_graph_of_larger_inputs_than_are_tried_is_refused_in_a_sentence(tmp_path):
    file = doubled(tmp_path / "huge.onnx", ["N", 1 << 40])
    with pytest.raises(InvalidArtifact, match=r"inputs of more than 20000000 numbers are not tried"):
        add_model(file, "huge", tmp_path / "models")


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
