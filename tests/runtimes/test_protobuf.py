import pytest
from onnx import TensorProto, helper

from app.runtimes.onnx_file import OnnxFile
from app.runtimes.protobuf import Message, field

LARGE = 1 << 40


def test_what_is_written_is_read():
    message = Message(field(1, LARGE) + field(2, "grün") + field(3, field(1, 7)) + field(2, b"more"))
    assert message.integer(1) == LARGE
    assert message.texts(2) == ["grün", "more"]
    assert message.message(3).integer(1) == 7
    assert message.integers(9) == []
    assert message.text(9) == ""


def test_the_library_of_protocol_buffers_writes_the_same():
    tensor = helper.make_tensor("w", TensorProto.INT64, [2, 300], range(600))
    message = Message(tensor.SerializeToString())
    assert message.integers(1) == [2, 300]
    assert message.text(8) == "w"
    assert message.integers(7) == list(range(600))


def test_a_message_in_pieces_is_one():
    """So the format has it: a reader that took one piece only would look at another graph than is run."""
    message = Message(field(7, field(1, 1)) + field(7, field(1, 2)))
    assert message.message(7).integers(1) == [1, 2]


@pytest.mark.parametrize(
    "content", [b"\x80", b"\x0a\x05abc", b"\x0b", b"\x08" + b"\xff" * 11, b"\x09abc"],
    ids=["tag", "length", "kind", "integer", "width"],
)  # fmt: skip
def test_what_is_cut_short_or_no_message_is_a_value_error(content):
    with pytest.raises(ValueError, match=r"cut short|of kind|more than ten"):
        _ = Message(content).fields


def test_a_node_reads_what_its_subgraphs_read_from_outside(tmp_path):
    inner = helper.make_graph(
        [helper.make_node("Neg", ["a"], ["b"])], "inner", [], [helper.make_empty_tensor_value_info("b")]
    )
    nodes = [helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner)]
    path = tmp_path / "graph.onnx"
    path.write_bytes(helper.make_model(helper.make_graph(nodes, "outer", [], [])).SerializeToString())
    (node,) = OnnxFile(path).nodes()
    assert node.reads == ("c", "a")
