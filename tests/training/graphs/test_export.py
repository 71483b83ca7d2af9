import math
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from app.tensors import TensorSpec
from training.errors import TrainingError
from training.graphs.export import exported, to_onnx, verify_export


class Pooled(nn.Module):
    """Mean of embedded tokens, then two layers: both the number of rows and their length vary."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 64)
        self.hidden = nn.Linear(64, 64)
        self.head = nn.Linear(64, width)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(torch.relu(self.hidden(self.words(ids).mean(1))))


@pytest.fixture(scope="module")
def network() -> Pooled:
    torch.manual_seed(0)
    return Pooled()


@pytest.fixture(scope="module")
def graph(network: Pooled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return to_onnx(
        network,
        [torch.randint(0, 50, (2, 7))],
        tmp_path_factory.mktemp("graph") / "pooled.onnx",
        input_names=["ids"],
        output_names=["logits"],
        dynamic_shapes=[{0: Dim("batch", min=1, max=64), 1: Dim("tokens", min=2, max=64)}],
    )


def token_ids(rows: int, tokens: int) -> dict[str, np.ndarray]:
    return {"ids": np.random.default_rng(0).integers(0, 50, (rows, tokens))}


def largest_difference(module: nn.Module, path: Path, inputs: dict[str, np.ndarray]) -> float:
    found = verify_export(module, path, inputs, tolerance=math.inf)
    return max(found.batch_1, found.batch_n)


@pytest.mark.parametrize(("rows", "tokens"), [(1, 2), (2, 7), (9, 30)])
def test_an_exported_graph_equals_its_module_at_other_shapes(
    rows: int, tokens: int, network: Pooled, graph: Path
) -> None:
    assert largest_difference(network, graph, token_ids(rows, tokens)) < 1e-5


def test_a_graph_is_one_file(graph: Path) -> None:
    assert [path.name for path in graph.parent.glob("pooled*")] == ["pooled.onnx"]


def test_a_graph_names_no_folder_of_this_machine(graph: Path) -> None:
    contents = graph.read_bytes()
    assert str(Path(__file__).parent).encode() not in contents
    assert str(Path(torch.__file__).parent).encode() not in contents


def test_exporting_leaves_the_module_in_its_mode(network: Pooled, graph: Path) -> None:
    assert network.training


def test_a_module_that_has_changed_differs_from_its_graph(network: Pooled, graph: Path) -> None:
    changed = Pooled()
    changed.load_state_dict(network.state_dict())
    with torch.no_grad():
        changed.head.bias[0] += 0.5
    assert largest_difference(changed, graph, token_ids(3, 5)) == pytest.approx(0.5, abs=1e-5)


def test_a_module_that_answers_another_shape_is_refused(graph: Path) -> None:
    with pytest.raises(ValueError, match=r"answers shape \(1, 3\) where torch answers \(1, 4\)"):
        largest_difference(Pooled(width=4), graph, token_ids(3, 5))


def test_a_verification_tries_every_row_alone_and_all_together(network: Pooled, graph: Path) -> None:
    found = verify_export(network, graph, token_ids(5, 7), tolerance=1e-5)
    assert (found.n, found.inputs) == (5, 5)
    assert 0 <= found.batch_1 < 1e-5
    assert 0 <= found.batch_n < 1e-5


def test_a_graph_that_differs_in_one_row_is_refused(network: Pooled, graph: Path) -> None:
    changed = deepcopy(network)
    ids = token_ids(3, 5)
    with torch.no_grad():
        next(changed.parameters())[ids["ids"][2, 4]] += 1.0
    with pytest.raises(TrainingError, match=r"^the exported graph differs from torch by .*, more than 1e-05$"):
        verify_export(changed, graph, ids, tolerance=1e-5)


def test_a_graph_that_answers_nan_is_refused(network: Pooled, graph: Path) -> None:
    changed = deepcopy(network)
    with torch.no_grad():
        next(changed.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match="differs from torch by nan"):
        verify_export(changed, graph, token_ids(3, 5), tolerance=1e-5)


def test_what_is_exported_states_its_tensors_and_how_near_it_is(network: Pooled, tmp_path: Path) -> None:
    varying = {0: Dim("batch", min=1, max=64), 1: Dim("tokens", min=2, max=64)}
    found = exported(network, token_ids(4, 7), tmp_path / "model.onnx", ["logits"], varying=varying)
    assert found.inputs == (TensorSpec(name="ids", datatype="INT64", shape=(-1, -1)),)
    assert found.outputs == (TensorSpec(name="logits", datatype="FP32", shape=(-1, 3)),)
    assert (found.path.name, found.verification.inputs) == ("model.onnx", 4)


class Looked(nn.Module):
    """Vectors of words: the exporter calls what its operator gives "embedding", too."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 2)

    def forward(self, ids: Tensor) -> Tensor:
        return self.words(ids) + 1


def test_an_output_may_be_called_as_an_operator_is(tmp_path: Path) -> None:
    batch = {"ids": np.array([[0, 4], [2, 1]])}
    found = exported(Looked(), batch, tmp_path / "looked.onnx", ["embedding"])
    assert [one.name for one in found.outputs] == ["embedding"]
    assert found.verification.batch_n < 1e-6
