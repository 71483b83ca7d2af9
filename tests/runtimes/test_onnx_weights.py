"""Weights that lie beside a graph: which files they are, and that no others are read."""

from pathlib import Path

import pytest
from onnx import GraphProto, SparseTensorProto, TensorProto, helper, load

from app.errors import InvalidArtifact
from app.runtimes.onnx_file import EXTERNAL
from app.runtimes.onnx_weights import require_listed, weights_beside
from app.runtimes.protobuf import Message

FLOAT = TensorProto.FLOAT


def outside(location: str, name: str = "w") -> TensorProto:
    weight = TensorProto(name=name, data_type=FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value=location)
    return weight


def graph(path: Path, *weights: TensorProto, **parts: object) -> Path:
    made: GraphProto = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", FLOAT, ["n", 4])],
        list(weights),
        **parts,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString())
    return path


def test_each_file_is_named_once_and_need_not_be_there(tmp_path: Path) -> None:
    path = graph(tmp_path / "model.onnx", outside("w.data"), outside("./w.data", "v"), outside("part/u.data", "u"))

    assert weights_beside(path) == {"w.data": tmp_path / "w.data", "part/u.data": tmp_path / "part" / "u.data"}


def test_sparse_weights_count_too(tmp_path: Path) -> None:
    sparse = SparseTensorProto(values=outside("values.data"), indices=outside("indices.data", "i"), dims=[9])

    path = graph(tmp_path / "model.onnx", sparse_initializer=[sparse])

    assert set(weights_beside(path)) == {"values.data", "indices.data"}


def test_defaults_of_functions_count_too(tmp_path: Path) -> None:
    path = graph(tmp_path / "model.onnx")
    function = helper.make_function(
        "own", "F", [], ["y"], [helper.make_node("Constant", [], ["y"])], [helper.make_opsetid("", 18)]
    )
    function.attribute_proto.append(helper.make_attribute("value", outside("default.data")))
    model = load(path)
    model.functions.append(function)
    path.write_bytes(model.SerializeToString())

    assert set(weights_beside(path)) == {"default.data"}


def test_a_field_whose_number_is_written_too_long_is_read_as_others_read_it() -> None:
    tag, long_tag = b"\x6a", b"\xea\x80\x80\x80\x10"  # of field 13; of 13 + 2**29, of which others keep 32 bits
    weight = outside("w.data").SerializeToString()
    assert weight.count(tag) == 1

    assert Message(memoryview(weight.replace(tag, long_tag))).messages(EXTERNAL)


def test_a_loop_of_links_is_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = graph(tmp_path / "model.onnx", outside("w.data"))
    (tmp_path / "w.data").symlink_to(tmp_path / "w.data")

    with pytest.raises(InvalidArtifact, match="manifest does not list"):
        require_listed(path, [path])


@pytest.mark.parametrize(
    "location",
    ["../secret", "part/../../secret", "/etc/passwd", "part\\secret", "secret\0.data", "*/_ORT_MEM_ADDR_/*", "link"],
)
def test_what_is_not_inside_its_folder_is_refused(tmp_path: Path, location: str) -> None:
    path = graph(tmp_path / "version" / "model.onnx", outside(location))
    (tmp_path / "secret").write_bytes(bytes(16))
    (path.parent / "link").symlink_to(tmp_path / "secret")

    with pytest.raises(InvalidArtifact, match=r"reads weights from .*(not inside|a link out of) its folder"):
        weights_beside(path)


def test_only_listed_files_are_read(tmp_path: Path) -> None:
    path = graph(tmp_path / "model.onnx", outside("w.data"))
    for name in ("w.data", "other.data"):
        (tmp_path / name).write_bytes(bytes(16))

    require_listed(path, [path, tmp_path / "w.data"])
    with pytest.raises(InvalidArtifact, match=r"reads weights from 'w\.data', which its manifest does not list"):
        require_listed(path, [path, tmp_path / "other.data"])


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\xff" * 40)

    with pytest.raises(InvalidArtifact, match=r"model\.onnx is not an ONNX graph that can be run"):
        weights_beside(tmp_path / "model.onnx")
