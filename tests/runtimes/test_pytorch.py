import operator
import subprocess
import sys
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from cards import BY_TORCH, all_of
from torch.export import Dim, ExportedProgram, export
from torch.export.pt2_archive import PT2ArchiveReader

from app.errors import InvalidArtifact, ModelNotReady
from app.runtimes.archive import PROGRAM, SAMPLE_INPUTS
from app.runtimes.options import RuntimeOptions
from app.runtimes.pytorch import load_pytorch, signature_of_pytorch
from app.tensors import GraphRefused, TensorSpec
from training.graphs.program import save_program

ON_CPU = RuntimeOptions(device="cpu")
on_a_card = all_of(BY_TORCH)
BATCH = Dim("batch")


class TwoHeads(torch.nn.Module):
    """Dict of outputs, a buffer, a constant, a type conversion and a subgraph."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)
        self.register_buffer("scale", torch.full((3,), 2.0))
        self.shift = torch.tensor([1.0, 2.0, 3.0])

    def forward(self, pixels: torch.Tensor, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.linear(pixels) * self.scale + self.shift
        with torch.no_grad():
            similar = torch.einsum("ij,kj->ik", logits, logits)
        return {"logits": logits, "next": ids + 1, "similar": similar.to(torch.float16)}


class Returns(torch.nn.Module):
    """x, in the form that `pack` gives it."""

    def __init__(self, pack) -> None:
        super().__init__()
        self.pack = pack

    def forward(self, x: torch.Tensor):
        return self.pack(x)


def two_heads() -> ExportedProgram:
    torch.manual_seed(0)
    dynamic = {"pixels": {0: BATCH}, "ids": {0: BATCH}}
    inputs = (torch.randn(5, 4), torch.zeros(5, 2, dtype=torch.int64))
    return export(TwoHeads().eval(), inputs, dynamic_shapes=dynamic)


def returning(pack) -> ExportedProgram:
    return export(Returns(pack), (torch.randn(2, 3),))


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("program") / "model.pt2"
    save_program(two_heads(), path)
    return path


def test_a_program_saved_by_torch_itself_loads(tmp_path):
    torch.export.save(two_heads(), tmp_path / "model.pt2")
    assert len(load_pytorch(tmp_path / "model.pt2", ON_CPU).run(batch_of(3))["logits"]) == 3


def test_a_saved_program_holds_no_example_inputs_and_no_paths(program):
    reader = PT2ArchiveReader(str(program))
    assert reader.read_bytes(SAMPLE_INPUTS) == b""
    assert __file__ not in reader.read_string(PROGRAM)


def test_saving_a_program_that_would_be_refused_fails(tmp_path):
    with pytest.raises(InvalidArtifact, match="it must return a tensor, or a dict, tuple or list of tensors"):
        save_program(returning(lambda x: {"a": {"b": x * 2}}), tmp_path / "model.pt2")


def batch_of(size: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {"ids": np.ones((size, 2), np.int64), "pixels": random.standard_normal((size, 4)).astype(np.float32)}


def test_outputs_equal_those_of_torch(program):
    inputs = batch_of(7)
    outputs = load_pytorch(program, ON_CPU).run(inputs)
    with torch.no_grad():
        expected = two_heads().module()(torch.tensor(inputs["pixels"]), torch.tensor(inputs["ids"]))
    assert list(outputs) == ["logits", "next", "similar"]
    for name, array in outputs.items():
        assert array.dtype == expected[name].numpy().dtype
        np.testing.assert_allclose(array, expected[name].numpy(), atol=1e-5)


def told(tensor: TensorSpec) -> tuple[str, str, tuple[int, ...]]:
    return tensor.name, tensor.datatype, tensor.shape


def test_the_signature_is_that_of_forward(program):
    signature = signature_of_pytorch(program)
    assert [*map(told, signature.inputs)] == [("pixels", "FP32", (-1, 4)), ("ids", "INT64", (-1, 2))]
    expected = [("logits", "FP32", (-1, 3)), ("next", "INT64", (-1, 2)), ("similar", "FP16", (-1, -1))]
    assert [*map(told, signature.outputs)] == expected


def test_bf16_computes_in_bfloat16_and_answers_in_float32(program):
    inputs = batch_of(4)
    exact = load_pytorch(program, ON_CPU).run(inputs)
    session = load_pytorch(program, RuntimeOptions(device="cpu", precision="bf16"))
    rounded = session.run(inputs)
    assert rounded["logits"].dtype == np.float32
    difference = np.abs(rounded["logits"] - exact["logits"]).max()
    assert 0 < difference < 0.1


def test_bfloat16_outputs_come_out_as_float32(tmp_path):
    save_program(returning(lambda x: x.to(torch.bfloat16)), tmp_path / "model.pt2")
    assert [*map(told, signature_of_pytorch(tmp_path / "model.pt2").outputs)] == [("output", "FP32", (2, 3))]
    output = load_pytorch(tmp_path / "model.pt2", ON_CPU).run({"x": np.ones((2, 3), np.float32)})["output"]
    assert output.dtype == np.float32
    assert (output == 1).all()


@pytest.mark.parametrize(
    ("pack", "names"),
    [
        pytest.param(lambda x: x * 2, ["output"], id="tensor"),
        pytest.param(lambda x: (x * 2, x + 1), ["output_0", "output_1"], id="tuple"),
        pytest.param(lambda x: [x * 2], ["output_0"], id="list"),
        pytest.param(lambda x: {"b": x * 2, "a": x.sum()}, ["b", "a"], id="dict"),
        pytest.param(lambda x: OrderedDict(z=x * 2), ["z"], id="ordered dict"),
    ],
)
def test_outputs_are_named_by_what_forward_returns(tmp_path, pack, names):
    save_program(returning(pack), tmp_path / "model.pt2")
    outputs = load_pytorch(tmp_path / "model.pt2", ON_CPU).run({"x": np.ones((2, 3), np.float32)})
    assert list(outputs) == names
    assert (outputs[names[0]] == 2).all()
    if "a" in outputs:
        assert outputs["a"].shape == ()


def test_inputs_may_be_keywords(tmp_path):
    class Weighted(torch.nn.Module):
        def forward(self, x, *, weight):
            return x * weight

    program = export(Weighted(), (torch.ones(2),), {"weight": torch.ones(2)})
    save_program(program, tmp_path / "model.pt2")
    three = np.full(2, 3, np.float32)
    outputs = load_pytorch(tmp_path / "model.pt2", ON_CPU).run({"weight": three, "x": three})
    assert outputs["output"].tolist() == [9, 9]


def test_a_program_that_writes_to_its_input_leaves_the_callers_array_alone(tmp_path):
    save_program(returning(lambda x: x.add_(1)), tmp_path / "model.pt2")
    x = np.zeros((2, 3), np.float32)
    x.flags.writeable = False
    session = load_pytorch(tmp_path / "model.pt2", ON_CPU)
    assert session.run({"x": x})["output"].sum() == 6
    assert x.sum() == 0


class Remembers(torch.nn.Module):
    """Writes the last input into a part of its state."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("last", torch.zeros(2, 4, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.last[1][2:3].copy_(x)
        return self.last.sum(0)


@pytest.mark.parametrize(
    ("network", "state"),
    [
        pytest.param(torch.nn.BatchNorm1d(3).train(), "num_batches_tracked", id="batch norm in training mode"),
        pytest.param(Remembers(), "last", id="through a view"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # torch's own, of copying a program
@pytest.mark.parametrize("functional", [False, True], ids=["as exported", "functional"])
def test_a_program_with_a_state_is_refused(tmp_path, network, state, functional):
    program = export(network, (torch.randn(1 if state == "last" else 4, 3),))
    with pytest.raises(InvalidArtifact, match=rf"changes its own state when it runs \(.*{state}.*evaluation mode"):
        save_program(program.run_decompositions({}) if functional else program, tmp_path / "model.pt2")


def test_a_program_that_reads_its_state_is_not_refused(tmp_path):
    save_program(export(torch.nn.BatchNorm1d(3).eval(), (torch.randn(4, 3),)), tmp_path / "model.pt2")


def test_a_shape_that_was_not_exported_is_an_error(program):
    with pytest.raises(GraphRefused, match="Expected input"):
        load_pytorch(program, ON_CPU).run(batch_of(3) | {"pixels": np.zeros((3, 5), np.float32)})


def test_running_out_of_memory_is_a_memory_error(tmp_path):
    """Sixty-four terabytes: more than the machine may hold."""
    save_program(returning(lambda x: torch.zeros(1 << 44) + x[0, 0]), tmp_path / "model.pt2")
    session = load_pytorch(tmp_path / "model.pt2", ON_CPU)
    with pytest.raises(MemoryError):
        session.run({"x": np.zeros((2, 3), np.float32)})


@pytest.mark.parametrize("content", [b"", b"not a zip", None], ids=["empty", "something else", "cut short"])
def test_a_damaged_file_is_an_invalid_artifact(program, tmp_path, content):
    path = tmp_path / "model.pt2"
    path.write_bytes(program.read_bytes()[:-100] if content is None else content)
    with pytest.raises(InvalidArtifact, match=r"^model\.pt2 is not an exported program"):
        load_pytorch(path, ON_CPU)


def test_a_missing_file_is_an_invalid_artifact_and_its_folder_stays_unknown(tmp_path):
    with pytest.raises(InvalidArtifact, match=r"^model\.pt2 is not an exported program") as raised:
        load_pytorch(tmp_path / "model.pt2", ON_CPU)
    assert str(tmp_path) not in str(raised.value)


def test_programs_are_loaded_side_by_side(program):
    """A service loads each model in a thread of its own, and torch's reader of programs is one for the process."""
    with ThreadPoolExecutor(4) as pool:
        sessions = list(pool.map(lambda _: load_pytorch(program, ON_CPU), range(8)))
    assert len({session.run(batch_of(2))["logits"].tobytes() for session in sessions}) == 1


@pytest.mark.parametrize("operation", [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift])
def test_operators_whose_names_begin_as_those_special_to_python_are_known(tmp_path, operation):
    class Masks(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return operation(x, 2) + operation(x, x)

    save_program(export(Masks(), (torch.ones(2, 3, dtype=torch.int64),)), tmp_path / "model.pt2")
    found = load_pytorch(tmp_path / "model.pt2", ON_CPU).run({"x": np.full((2, 3), 3)})
    assert (found["output"] == operation(3, 2) + operation(3, 3)).all()


def test_an_unknown_precision_is_refused(program):
    with pytest.raises(InvalidArtifact, match="runs in fp32 or bf16, not in int8"):
        load_pytorch(program, RuntimeOptions(device="cpu", precision="int8"))


def test_threads_are_those_that_were_asked_for(program):
    before = torch.get_num_threads()
    try:
        load_pytorch(program, RuntimeOptions(device="cpu", threads=2))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(torch.version.cuda is not None, reason="says what happens with a PyTorch without CUDA")
def test_a_pytorch_without_cuda_takes_the_cpu_and_says_why(program):
    placement = load_pytorch(program, RuntimeOptions(device="auto")).placement
    assert (placement.device, placement.reason) == ("cpu", "this PyTorch build has no CUDA")
    with pytest.raises(ModelNotReady, match="device cuda was asked for, but this PyTorch build has no CUDA"):
        load_pytorch(program, RuntimeOptions(device="cuda"))


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 0.1)])
@on_a_card
def test_the_gpu_gives_the_answers_of_the_cpu(program, precision, tolerance):
    session = load_pytorch(program, RuntimeOptions(device="cuda", precision=precision))
    assert session.placement.device == "cuda"
    inputs = batch_of(4)
    expected = load_pytorch(program, ON_CPU).run(inputs)["logits"]
    np.testing.assert_allclose(session.run(inputs)["logits"], expected, atol=tolerance)


def test_without_pytorch_the_model_is_not_ready(program):
    code = f"""
import sys
sys.modules["torch"] = None
from pathlib import Path
from app.errors import ModelNotReady
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
try:
    RUNTIMES["pytorch"](Path({str(program)!r}), RuntimeOptions())
except ModelNotReady as error:
    sys.exit(str(error) != "model.pt2 is a PyTorch program, and PyTorch is not installed")
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
