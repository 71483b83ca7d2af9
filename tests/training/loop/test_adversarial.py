from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from training.data.fashion_mnist import LABELS, loader, tiny_fashion_mnist
from training.loop.adversarial import AdversarialSettings, AdversarialTraining
from training.loop.fit import fit
from training.networks.picture_gan import Critic, Generator
from training.recipe import Run


class Interrupted(AdversarialTraining):
    """Is interrupted at a batch, counted over all epochs."""

    def __init__(self, at: int | None = None) -> None:
        torch.manual_seed(0)
        super().__init__(
            Generator(len(LABELS), latent=4, width=16), Critic(len(LABELS), width=4), Path(), AdversarialSettings()
        )
        self.at = at

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        if self.at is not None and self.global_step == 2 * self.at:  # each batch is a step of either network
            raise KeyboardInterrupt
        super().training_step(batch, index)


def train(module: AdversarialTraining, run: Run) -> dict[str, Tensor]:
    curve = fit(module, loader(tiny_fashion_mnist().train, 10, shuffled=True), run, epochs=3, name="gan", clip=None)
    assert [row["epoch"] for row in curve.rows] == [1, 2, 3]
    return module.state_dict()


@pytest.mark.parametrize("at", [2, 4, 9])
def test_an_interrupted_training_resumes_to_the_same_networks(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = train(Interrupted(), Run(tmp_path / "whole"))
    monkeypatch.setattr("training.loop.fit.SAVE_EVERY", timedelta(0))
    with pytest.raises(KeyboardInterrupt):
        train(Interrupted(at), Run(tmp_path / "cut"))
    found = train(Interrupted(), Run(tmp_path / "cut", resume=True))
    assert found.keys() == expected.keys()
    for name, weight in found.items():
        torch.testing.assert_close(weight, expected[name], rtol=0, atol=1e-6, msg=name)


class Kept(Interrupted):
    """Leaves the weights that each process ends with."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def on_train_end(self) -> None:
        learned = {"generator": weights(self.generator), "critic": weights(self.critic)}
        torch.save(learned, self.folder / f"{self.global_rank}.pt")


def test_two_processes_agree_on_both_networks(tmp_path: Path) -> None:
    before = {name: weights(network) for name, network in Kept(tmp_path).named_children()}
    train(Kept(tmp_path), Run(tmp_path / "work", devices=2))
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert first.keys() == {"generator", "critic"}
    for name, learned in first.items():
        assert torch.equal(learned, second[name])
        assert (learned - before[name]).abs().max() > 1e-4


def test_another_seed_learns_something_else(tmp_path: Path) -> None:
    one, other = (train(Interrupted(), Run(tmp_path / str(seed), seed=seed)) for seed in (0, 1))
    assert (one["generator.plan.weight"] - other["generator.plan.weight"]).abs().max() > 1e-4


def weights(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def test_both_networks_learn(tmp_path: Path) -> None:
    module = Interrupted()
    before = weights(module.generator), weights(module.critic)
    train(module, Run(tmp_path))
    for old, network in zip(before, (module.generator, module.critic), strict=True):
        assert (weights(network) - old).abs().max() > 1e-4
