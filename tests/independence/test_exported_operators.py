import pytest
import torch
from torch.export import Dim, export

from app.independence.operators import fault_of_operators
from app.runtimes.pytorch_program import PytorchProgram
from training.graphs.program import save_program

LINEAR, LSTM = torch.nn.Linear(6, 3).requires_grad_(False), torch.nn.LSTM(2, 3, batch_first=True).requires_grad_(False)

INFLUENCED = {
    "the largest": lambda x: x * x.amax(0),
    "the largest, if it is beyond a billion": lambda x: x + torch.relu(x.amax() - 1e9),
    "how many are beyond a billion, row by row": lambda x: x + (x > 1e9).float().cumsum(0),
    "softmax over rows": lambda x: torch.softmax(x, 0),
    "the number of a row": lambda x: x + torch.arange(x.shape[0])[:, None],
    "the number of rows": lambda x: x / x.shape[0],
    "rows that move on by one": lambda x: x.roll(1, 0),
    "rows in order": lambda x: x.sort(0).values,
    "attention between rows": lambda x: (x @ x.T).softmax(1) @ x,
    "batch normalization in training": lambda x: torch.nn.functional.batch_norm(x, None, None, training=True),
    "the last row, times nought": lambda x: x + 0 * x[-1:],
    "a branch": lambda x: torch.cond(x.amax() > 1e9, lambda one: one + 1, lambda one: one * 2, (x,)),
    "noise": lambda x: x + torch.rand_like(x),
}
INDEPENDENT = {
    "a layer": lambda x: LINEAR(x).relu(),
    "layer normalization": lambda x: torch.nn.functional.layer_norm(x, (6,)),
    "of each row the largest": lambda x: x[torch.arange(x.shape[0]), x.argmax(1)],
    "written in place": lambda x: x.clone().mul_(2),
    "parts of rows": lambda x: x.view(-1, 2, 3).transpose(1, 2).reshape(x.shape[0], -1),
    "a type that numpy lacks": lambda x: (x.bfloat16() + 1).float(),
    "a recurrent network": lambda x: LSTM(x.view(-1, 3, 2))[0],
    "zeros like the rows": lambda x: x + torch.zeros_like(x),
}


def fault_of(function, folder) -> str | None:
    class Network(torch.nn.Module):
        def forward(self, x):
            return function(x)

    program = export(Network(), (torch.randn(4, 6),), dynamic_shapes=({0: Dim("batch")},))
    save_program(program, folder / "program.pt2")
    batch = {"x": torch.randn(3, 6, generator=torch.Generator().manual_seed(0)).numpy()}
    return fault_of_operators(PytorchProgram(folder / "program.pt2"), batch)


@pytest.mark.parametrize("name", INFLUENCED)
def test_rows_that_influence_each_other_are_found(tmp_path, name):
    assert fault_of(INFLUENCED[name], tmp_path)


@pytest.mark.parametrize("name", INDEPENDENT)
def test_rows_that_do_not_are_left_alone(tmp_path, name):
    assert fault_of(INDEPENDENT[name], tmp_path) is None
