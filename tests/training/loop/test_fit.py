"""A tiny network under the real Trainer."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback
from line_recipe import Line, loader, points
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from training.errors import TrainingError
from training.loop.fit import fit
from training.recipe import Run


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


@pytest.mark.parametrize("at", [1, 11])
def test_within_an_epoch_it_resumes_from_the_last_saved_step(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Line()
    fit(whole, loader(), Run(tmp_path / "whole"), epochs=3)
    monkeypatch.setattr("training.loop.fit.SAVE_EVERY", timedelta(0))
    with pytest.raises(KeyboardInterrupt):
        fit(Interrupted(at), loader(), Run(tmp_path / "cut"), epochs=3)
    saved = torch.load(tmp_path / "cut" / "fit" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == at
    module = Line()
    fit(module, loader(), Run(tmp_path / "cut", resume=True), epochs=3)
    torch.testing.assert_close(weights(module), weights(whole), rtol=0, atol=1e-6)


def test_a_finished_fit_only_reloads_its_result(tmp_path: Path) -> None:
    first = Line()
    curve = fit(first, loader(), Run(tmp_path), epochs=1)
    again = Interrupted(at=0)
    assert fit(again, loader(), Run(tmp_path, resume=True), epochs=1) == curve
    assert torch.equal(weights(again), weights(first))
    assert sorted(path.name for path in (tmp_path / "fit").iterdir()) == ["metrics.csv", "result.pt"]


def test_a_fresh_start_forgets_what_was_there(tmp_path: Path) -> None:
    fit(Line(), loader(), Run(tmp_path), epochs=1)
    assert len(fit(Line(), loader(), Run(tmp_path), epochs=2).rows) == 2


class Overfitting(Line):
    """Is best after its second epoch."""

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        self.log("val_loss", abs(self.current_epoch - 1.0))

    def on_train_epoch_end(self) -> None:
        self.epoch_weights = [*getattr(self, "epoch_weights", []), weights(self)]

    def configure_callbacks(self) -> list[Callback]:
        return []


def test_the_best_weights_by_the_monitor_are_kept_and_patience_ends_it(tmp_path: Path) -> None:
    module = Overfitting()
    curve = fit(module, loader(), Run(tmp_path), epochs=9, validation=loader(), monitor="val_loss", patience=2)
    assert [row["val_loss"] for row in curve.rows] == [1, 0, 1, 2]
    assert torch.equal(weights(module), module.epoch_weights[1])


class Counting(Line):
    """Logs which samples it sees: the sum over an epoch of 2 ** index is exact where each is seen once."""

    def training_step(self, batch: list[Tensor], number: int) -> Tensor:
        self.log("seen", batch[2].sum(), on_epoch=True, on_step=False, reduce_fx="sum", sync_dist=True)
        return super().training_step(batch[:2], number)


class Plain(Counting):
    """Without anything random that processes draw on their own."""

    def __init__(self) -> None:
        super().__init__()
        self.net[1] = nn.Identity()


def numbered(count: int) -> DataLoader[Any]:
    x, y = points(count).tensors
    return DataLoader(TensorDataset(x, y, 2.0 ** torch.arange(count)), batch_size=4, shuffle=True)


@pytest.mark.parametrize("count", [16, 14])
def test_two_processes_see_each_sample_once_and_learn_what_one_learns(count: int, tmp_path: Path) -> None:
    alone, shared = Plain(), Plain()
    expected = fit(alone, numbered(count), Run(tmp_path / "1"), epochs=3, validation=loader())
    curve = fit(shared, numbered(count), Run(tmp_path / "2", devices=2), epochs=3, validation=loader())
    assert [row["seen"] for row in curve.rows] == [row["seen"] for row in expected.rows] == [2.0**count - 1] * 3
    torch.testing.assert_close(weights(shared), weights(alone), rtol=0, atol=1e-5)
    assert curve.rows[-1]["val_loss"] == pytest.approx(expected.rows[-1]["val_loss"], abs=1e-5)


class Broken(Plain):
    def training_step(self, batch: list[Tensor], number: int) -> Tensor:
        raise ValueError("the batch is haunted")


def test_a_process_that_fails_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"^a training process ended: ValueError: the batch is haunted$"):
        fit(Broken(), numbered(8), Run(tmp_path, devices=2), epochs=1)


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Any:
        yield from points(16)


def test_an_iterable_data_set_is_trained_alone_and_not_shared(tmp_path: Path) -> None:
    stream = DataLoader(Endless(), batch_size=4)
    assert len(fit(Line(), stream, Run(tmp_path / "1"), epochs=2).rows) == 2
    with pytest.raises(TrainingError, match="no indices to share"):
        fit(Line(), stream, Run(tmp_path / "2", devices=2), epochs=1)


class OfOneType(Line):
    """Makes its inputs fp32, whatever its weights are."""

    def training_step(self, batch: list[Tensor], number: int) -> Tensor:
        return super().training_step([part.float() for part in batch], number)


def test_a_precision_that_a_recipe_does_not_take_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"^--precision 64-true does not do for this recipe: [^\n]+$"):
        fit(OfOneType(), loader(), Run(tmp_path, precision="64-true"), epochs=1)


def test_tensorboard_can_read_the_course_if_it_was_asked_for(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    curve = fit(Line(), loader(), Run(tmp_path, tensorboard=True), epochs=3, validation=loader(shuffle=False))
    events = accumulator.EventAccumulator(str(tmp_path / "fit" / "tensorboard"))
    events.Reload()
    assert [one.value for one in events.Scalars("val_loss")] == pytest.approx([row["val_loss"] for row in curve.rows])
    fit(Line(), loader(), Run(tmp_path / "without"), epochs=1)
    assert not list((tmp_path / "without").rglob("*tensorboard*"))
