"""A tiny network under the real Trainer."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from training.averaging import FinalAverage
from training.fit import fit
from training.recipe import Run
from training.schedule import adamw_with_cosine


class Line(LightningModule):
    """Learns y = 3x - 1 with dropout, which draws at random."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.net = nn.Sequential(nn.Linear(1, 16), nn.Dropout(0.1), nn.Linear(16, 1))

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        loss = nn.functional.mse_loss(self.net(batch[0]), batch[1])
        self.log("loss", loss, on_epoch=True, on_step=False)
        return loss

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        self.log("val_loss", nn.functional.mse_loss(self.net(batch[0]), batch[1]))

    def configure_optimizers(self) -> Any:
        return adamw_with_cosine(self, [{"params": self.parameters(), "lr": 0.05, "weight_decay": 0.0}])

    def configure_callbacks(self) -> list[Callback]:
        return [FinalAverage()]


def points(count: int = 64) -> TensorDataset:
    x = torch.linspace(-1, 1, count)[:, None]
    return TensorDataset(x, 3 * x - 1)


def loader(**options: Any) -> DataLoader[Any]:
    return DataLoader(points(), **{"batch_size": 8, "shuffle": True, **options})


def weights(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def test_it_learns_and_leaves_the_module_ready(tmp_path: Path) -> None:
    module = Line()
    curve = fit(module, loader(), Run(tmp_path), epochs=30, validation=loader(shuffle=False))
    assert not module.training
    assert [row["epoch"] for row in curve.rows] == list(range(1, 31))
    assert curve.rows[-1]["val_loss"] < 0.02 < curve.rows[0]["val_loss"]
    lines = (tmp_path / "fit" / "metrics.csv").read_text().splitlines()
    assert set(lines[0].split(",")) == {"epoch", "loss", "val_loss"}
    assert len(lines) == 31


def test_the_same_seed_learns_the_same_and_another_something_else(tmp_path: Path) -> None:
    found = []
    for number, seed in enumerate((0, 0, 1)):
        module = Line()
        fit(module, loader(), Run(tmp_path / str(number), seed=seed), epochs=3)
        found.append(weights(module))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-6)
    assert (found[0] - found[2]).abs().max() > 1e-3


class Stop(KeyboardInterrupt):
    pass


class Interrupted(Line):
    """Is interrupted at a step."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def training_step(self, batch: list[Tensor], number: int) -> Tensor:
        if self.global_step == self.at:
            raise KeyboardInterrupt
        return super().training_step(batch, number)


@pytest.mark.parametrize("at", [0, 3, 8, 13, 31])
def test_an_interrupted_fit_resumes_to_the_same_result(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Line()
    expected = fit(whole, loader(), Run(tmp_path / "whole"), epochs=4, validation=loader())
    with pytest.raises(KeyboardInterrupt):
        fit(Interrupted(at), loader(), Run(tmp_path / "cut"), epochs=4, validation=loader())
    module = Line()
    curve = fit(module, loader(), Run(tmp_path / "cut", resume=True), epochs=4, validation=loader())
    torch.testing.assert_close(weights(module), weights(whole), rtol=0, atol=1e-6)
    assert [dict(row) for row in curve.rows] == [pytest.approx(row, abs=1e-6) for row in expected.rows]
