import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from published import opened
from torch.export import Dim, export

from app.adding.command import add_model
from app.errors import InvalidArtifact, InvalidInput
from app.repository.golden import difference
from app.tasks.view import predict_json
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
    """Return the answer of a published model, read from the repository as the service does."""
    loaded = opened(models, name)
    return predict_json(loaded.views[0], loaded.sessions, item, {})


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
