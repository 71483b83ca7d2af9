"""A recipe that trains in a second; with $LINE_PAUSE_S each epoch waits, so that it can be interrupted."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from app.repository.manifest import Metric
from training.card.plots import learning_curves
from training.graphs.export import exported
from training.loop.averaging import FinalAverage
from training.loop.fit import fit
from training.loop.schedule import adamw_with_cosine
from training.recipe import Draft, Example, Recipe, Run


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

    def on_train_epoch_start(self) -> None:
        time.sleep(float(os.environ.get("LINE_PAUSE_S", 0)))

    def configure_optimizers(self) -> Any:
        return adamw_with_cosine(self, [{"params": self.parameters(), "lr": 0.05, "weight_decay": 0.0}])

    def configure_callbacks(self) -> list[Callback]:
        return [FinalAverage()]


def points(count: int = 64) -> TensorDataset:
    x = torch.linspace(-1, 1, count)[:, None]
    return TensorDataset(x, 3 * x - 1)


def loader(**options: Any) -> DataLoader[Any]:
    return DataLoader(points(), **{"batch_size": 8, "shuffle": True, **options})


def load(run: Run) -> TensorDataset:
    return points()


def make(known: TensorDataset, run: Run) -> Draft:
    module = Line()
    curve = fit(module, loader(), run, epochs=4, validation=loader(shuffle=False))
    x, _ = known.tensors
    graph = exported(module.net, {"x": x[:5].numpy()}, run.workdir / "model.onnx", ["y"], tolerance=1e-5)
    loss = curve.rows[-1]["val_loss"]
    return Draft(
        description="Knows a line.",
        licence="CC0-1.0",
        files={"model.onnx": graph.path},
        graphs={"model": "model.onnx"},
        config={
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}],
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}],
            "batched": True,
        },
        exported=graph,
        metrics=[
            Metric(name="loss", value=loss, dataset="a line", split="all", baselines={"zero | nothing": 4.0}),
            Metric(
                name="loss_left", value=loss / 2, dataset="its left", split="all", baselines={"zero | nothing": 9.0}
            ),
            Metric(name="speed", value=1234.5678, dataset="a line", split="on this machine"),
        ],
        sources=[],
        examples=[Example({"x": [0.5]})],
        limits=["It knows one line."],
        plots={"Losses": learning_curves(curve.rows, {"loss": ["loss", "val_loss"]}, run.workdir / "losses.png")},
        sections={"Why a line": "Because it is *short*."},
    )


RECIPE = Recipe(name="line", task="tensors", load=load, make=make)


def leave_only_fits(workdir: Path) -> None:
    """As a run leaves its folder that was interrupted when all that it trains was trained."""
    for path in workdir.iterdir():
        if path.is_file():
            path.unlink()


def names(version: Path, *words: str) -> list[str]:
    """Return which of the words stand in any file of a version."""
    content = b"".join(path.read_bytes() for path in version.rglob("*") if path.is_file())
    return [word for word in words if word.encode() in content]


def run_as_command(arguments: list[str], **environment: str) -> tuple[list[str], dict[str, str]]:
    """The command line and environment of `python -m training` with this recipe in its table."""
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from training.__main__ import main
from training.recipes import RECIPES, Listed
RECIPES["line"] = Listed("line_recipe", "tensors", "a line")
sys.exit(main(sys.argv[1:]))
"""
    return [sys.executable, "-c", code, *arguments], {**os.environ, **environment}
