import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from cards import BY_ONNX, all_of
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, helper

from app.errors import InvalidArtifact, ModelNotReady
from app.runtimes.memory import is_out_of_memory, memory_errors
from app.runtimes.onnx import load_onnx, open_on_cuda, signature_of_onnx
from app.runtimes.options import RuntimeOptions
from app.runtimes.placement import place
from app.tensors import TensorSpec

ON_CPU = RuntimeOptions(device="cpu")
HAS_CUDA = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
on_a_card = all_of(BY_ONNX)
no_cuda = pytest.mark.skipif(HAS_CUDA, reason="says what happens on an onnxruntime without CUDA")


def model(graph: GraphProto) -> ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def value(name: str, datatype: int, shape: list[int | str]) -> object:
    return helper.make_tensor_value_info(name, datatype, shape)


def sum_and_difference() -> ModelProto:
    return model(
        helper.make_graph(
            [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Sub", ["a", "b"], ["difference"])],
            "two in, two out",
            [value("a", TensorProto.FLOAT, ["batch", 3]), value("b", TensorProto.FLOAT, ["batch", 3])],
            [value("sum", TensorProto.FLOAT, ["batch", 3]), value("difference", TensorProto.FLOAT, ["batch", 3])],
        )
    )


def same_texts() -> ModelProto:
    return model(
        helper.make_graph(
            [helper.make_node("Identity", ["text"], ["same"])],
            "texts",
            [value("text", TensorProto.STRING, ["n"])],
            [value("same", TensorProto.STRING, ["n"])],
        )
    )


def with_weight_in(location: str) -> ModelProto:
    """x + w, where w lies in another file."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value=location)
    return model(
        helper.make_graph(
            [helper.make_node("Add", ["x", "w"], ["y"])],
            "external",
            [value("x", TensorProto.FLOAT, ["n", 4])],
            [value("y", TensorProto.FLOAT, ["n", 4])],
            [weight],
        )
    )


def saved(path: Path, graph: ModelProto) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(graph.SerializeToString())
    return path


def test_tensors_go_in_and_come_out_by_name(tmp_path):
    session = load_onnx(saved(tmp_path / "model.onnx", sum_and_difference()), ON_CPU)
    a, b = np.full((2, 3), 5, np.float32), np.full((2, 3), 2, np.float32)
    outputs = session.run({"b": b, "a": a})
    assert list(outputs) == ["sum", "difference"]
    assert (outputs["sum"] == 7).all()
    assert (outputs["difference"] == 3).all()


@pytest.mark.parametrize("text", [pytest.param("GRÜN", id="str"), pytest.param("GRÜN".encode(), id="utf-8 bytes")])
def test_string_tensors_are_objects(tmp_path, text):
    session = load_onnx(saved(tmp_path / "model.onnx", same_texts()), ON_CPU)
    same = session.run({"text": np.array([text, "b"], np.object_)})["same"]
    assert same.dtype == np.object_
    assert same.tolist() == ["GRÜN", "b"]


def test_the_signature_is_that_of_the_graph(tmp_path):
    signature = signature_of_onnx(saved(tmp_path / "model.onnx", sum_and_difference()))
    assert signature.inputs == tuple(TensorSpec(name=name, datatype="FP32", shape=(-1, 3)) for name in "ab")
    assert [tensor.name for tensor in signature.outputs] == ["sum", "difference"]
    (text,) = signature_of_onnx(saved(tmp_path / "text.onnx", same_texts())).inputs
    assert text == TensorSpec(name="text", datatype="BYTES", shape=(-1,))


def test_a_tensor_without_a_v2_datatype_has_no_signature(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "bf16",
        [value("x", TensorProto.BFLOAT16, [1])],
        [value("y", TensorProto.BFLOAT16, [1])],
    )
    with pytest.raises(InvalidArtifact, match=r"model\.onnx: x is a tensor\(bfloat16\)"):
        signature_of_onnx(saved(tmp_path / "model.onnx", model(graph)))


@pytest.mark.parametrize("damage", [b"", b"not a graph", None], ids=["empty", "something else", "cut short"])
def test_a_damaged_file_is_an_invalid_artifact(tmp_path, damage):
    path = saved(tmp_path / "model.onnx", sum_and_difference())
    path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
    with pytest.raises(InvalidArtifact, match=r"^model\.onnx is not an ONNX graph that can be run: "):
        load_onnx(path, ON_CPU)


def test_a_missing_file_is_an_invalid_artifact_and_its_folder_stays_unknown(tmp_path):
    with pytest.raises(InvalidArtifact, match=r"^model\.onnx is not") as raised:
        load_onnx(tmp_path / "model.onnx", ON_CPU)
    assert str(tmp_path) not in str(raised.value)


def test_weights_beside_the_file_are_read(tmp_path):
    (tmp_path / "weights.bin").write_bytes(np.arange(4, dtype=np.float32).tobytes())
    session = load_onnx(saved(tmp_path / "model.onnx", with_weight_in("weights.bin")), ON_CPU)
    assert session.run({"x": np.zeros((1, 4), np.float32)})["y"].tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("location", ["../secret", "sub/../../secret", "link", "absolute"])
def test_weights_outside_the_files_folder_are_refused(tmp_path, location):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(16))
    path = tmp_path / "version" / "model.onnx"
    saved(path, with_weight_in(str(secret) if location == "absolute" else location))
    (path.parent / "sub").mkdir()
    (path.parent / "link").symlink_to(secret)
    with pytest.raises(InvalidArtifact, match="External data path"):
        load_onnx(path, ON_CPU)


def test_operators_of_another_library_are_refused(tmp_path):
    graph = sum_and_difference()
    graph.graph.node[0].domain = "somewhere.else"
    graph.graph.node[0].attribute.append(AttributeProto(name="library", type=AttributeProto.STRING, s=b"./evil.so"))
    graph.opset_import.add(domain="somewhere.else", version=1)
    with pytest.raises(InvalidArtifact):
        load_onnx(saved(tmp_path / "model.onnx", graph), ON_CPU)


def test_errors_of_a_run_pass_through(tmp_path):
    session = load_onnx(saved(tmp_path / "model.onnx", sum_and_difference()), ON_CPU)
    with pytest.raises(Exception, match="Got invalid dimensions") as raised:
        session.run({"a": np.zeros((1, 5), np.float32), "b": np.zeros((1, 5), np.float32)})
    assert not isinstance(raised.value, MemoryError)


def test_running_out_of_memory_is_a_memory_error(tmp_path):
    """A terabyte: more than the machine may hold."""
    graph = helper.make_graph(
        [helper.make_node("Expand", ["x", "shape"], ["y"])],
        "large",
        [value("x", TensorProto.FLOAT, [1]), value("shape", TensorProto.INT64, [1])],
        [value("y", TensorProto.FLOAT, ["n"])],
    )
    session = load_onnx(saved(tmp_path / "model.onnx", model(graph)), ON_CPU)
    with pytest.raises(MemoryError):
        session.run({"x": np.zeros(1, np.float32), "shape": np.array([1 << 46], np.int64)})


@pytest.mark.parametrize(
    "message",
    [
        "CUDA out of memory. Tried to allocate 20.00 MiB.",
        "CUDA failure 2: out of memory ; GPU=0",
        "Failed to allocate memory for requested buffer of size 1073741824",
        "Available memory of 1024 is smaller than requested bytes of 4096",
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000000 bytes.",
        "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
        "std::bad_alloc",
    ],
)
def test_every_way_of_saying_out_of_memory_is_understood(message):
    with pytest.raises(MemoryError), memory_errors():
        raise RuntimeError(message)


def test_other_errors_are_not_about_memory():
    assert not is_out_of_memory(RuntimeError("invalid dimensions"))
    with pytest.raises(KeyError), memory_errors():
        raise KeyError("x")


def test_a_memory_error_stays_one():
    with pytest.raises(MemoryError, match="of Python"), memory_errors():
        raise MemoryError("of Python")


@no_cuda
def test_auto_takes_the_cpu_and_says_why(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        session = load_onnx(saved(tmp_path / "model.onnx", sum_and_difference()), RuntimeOptions(device="auto"))
    assert session.placement.device == "cpu"
    assert session.placement.reason == "the CUDA provider is not in this onnxruntime build"
    expected = "device auto: running on cpu, because the CUDA provider is not in this onnxruntime build"
    assert [record.message for record in caplog.records] == [expected]


@no_cuda
def test_demanding_cuda_in_vain_is_an_error(tmp_path):
    with pytest.raises(ModelNotReady, match="device cuda was asked for, but the CUDA provider is not in"):
        load_onnx(saved(tmp_path / "model.onnx", sum_and_difference()), RuntimeOptions(device="cuda"))


@no_cuda
@pytest.mark.filterwarnings("ignore:Specified provider 'CUDAExecutionProvider':UserWarning")
def test_a_session_that_silently_fell_back_to_the_cpu_is_noticed(tmp_path):
    session, fault = open_on_cuda(saved(tmp_path / "model.onnx", sum_and_difference()), 1)
    assert session is None
    assert fault is not None
    assert "no device was found" in fault


def test_the_fault_of_a_broken_file_is_not_taken_for_a_device(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not a graph")
    session, fault = open_on_cuda(path, 1)
    assert session is None
    assert fault is not None
    assert "cannot be used" in fault


@on_a_card
def test_the_gpu_gives_the_answers_of_the_cpu(tmp_path):
    path = saved(tmp_path / "model.onnx", sum_and_difference())
    session = load_onnx(path, RuntimeOptions(device="cuda"))
    assert session.placement.device == "cuda"
    drawn = np.random.default_rng(0)
    inputs = {name: drawn.normal(size=(5, 3)).astype(np.float32) for name in ("a", "b")}
    expected = load_onnx(path, ON_CPU).run(inputs)
    found = session.run(inputs)
    for name in ("sum", "difference"):
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5)


@on_a_card
def test_a_card_without_memory_for_it_is_a_memory_error(tmp_path):
    """Two hundred terabytes, and the next run is answered."""
    graph = helper.make_graph(
        [helper.make_node("Expand", ["x", "shape"], ["y"])],
        "large",
        [value("x", TensorProto.FLOAT, [1]), value("shape", TensorProto.INT64, [1])],
        [value("y", TensorProto.FLOAT, ["n"])],
    )
    session = load_onnx(saved(tmp_path / "model.onnx", model(graph)), RuntimeOptions(device="cuda"))
    with pytest.raises(MemoryError):
        session.run({"x": np.zeros(1, np.float32), "shape": np.array([1 << 46], np.int64)})
    assert session.run({"x": np.ones(1, np.float32), "shape": np.array([2], np.int64)})["y"].tolist() == [1.0, 1.0]


def test_a_working_gpu_is_taken():
    assert place("auto", lambda: None).device == "cuda"
    assert place("cuda", lambda: None).device == "cuda"


def test_the_gpu_is_not_touched_where_the_cpu_was_asked_for():
    def fault() -> str:
        raise AssertionError

    assert place("cpu", fault).reason == "the CPU was asked for"


def test_a_service_of_onnx_graphs_never_imports_torch(tmp_path):
    path = saved(tmp_path / "model.onnx", sum_and_difference())
    code = f"""
import sys, pathlib
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
RUNTIMES["onnx"](pathlib.Path({str(path)!r}), RuntimeOptions())
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
