from pathlib import Path

import numpy as np
import pytest
import torch
from line_recipe import leave_only_fits

from app.repository.golden import difference
from app.repository.manifest import Manifest
from app.repository.repository import ModelRepository
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.tasks import TASKS
from app.tasks.view import predict_json
from training.baselines.class_pca import ClassPCA
from training.build import build
from training.data.fashion_mnist import LABELS, Pictures, tiny_fashion_mnist
from training.errors import TrainingError
from training.loop.variational import code_moments
from training.measures.likelihood import bits_per_pixel, dequantised
from training.networks.picture_vae import PictureVAE
from training.recipe import Run
from training.recipes import fashion_mnist
from training.recipes import fashion_vae as recipe


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """The whole way from a tiny slice to a published version, judged by a tiny classifier."""
    root = tmp_path_factory.mktemp("fashion")
    for name in ("judge", "work"):
        (root / name).mkdir()
    build(fashion_mnist.RECIPE, Run(root / "judge", tiny=True), root / "models")
    models = root / "models"
    return models, build(recipe.RECIPE, Run(root / "work", tiny=True, models=models), models)


def test_the_published_version_paints_its_golden_pictures(published: tuple[Path, Manifest]) -> None:
    root, manifest = published
    repository = ModelRepository(root)
    files = repository.verify(repository.read("fashion-vae", 1))
    task = TASKS[manifest.task].own(TASKS[manifest.task].open(manifest.config, files))
    session = RUNTIMES[manifest.runtime](files[manifest.graphs["model"]], RuntimeOptions(device="cpu"))
    assert len(manifest.golden) == 3
    for golden in manifest.golden:
        found = predict_json(task, {"model": session}, golden.input, golden.parameters)
        assert difference(task.comparable(golden.output), task.comparable(found), golden.tolerance) is None


def test_the_card_compares_samples_and_reconstructions_with_principal_components(
    published: tuple[Path, Manifest],
) -> None:
    _, manifest = published
    metrics = {metric.name: metric for metric in manifest.metrics}
    assert all("principal components" in " ".join(metric.baselines) for metric in metrics.values())
    assert {"accuracy_of_samples", "frechet_distance", "bound_bits_per_pixel"} <= set(metrics)
    assert manifest.card
    assert {Path(name).name for name in manifest.card.pictures} == {
        "learning.png", "samples.png", "reconstructions.png"
    }  # fmt: skip
    assert manifest.provenance
    assert manifest.provenance.sources[1].name == "fashion-mnist"


def test_without_its_judge_it_trains_nothing(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="python -m training fashion-mnist"):
        build(recipe.RECIPE, Run(tmp_path, tiny=True, models=tmp_path), tmp_path)
    assert not (tmp_path / "vae").exists()


def test_a_resumed_run_is_judged_as_one_at_once(published: tuple[Path, Manifest]) -> None:
    models, expected = published
    work = models.parent / "work"
    pictures = {file.name: file.read_bytes() for file in work.glob("*.png")}
    leave_only_fits(work)
    torch.rand(3)  # whatever was drawn before
    found = build(recipe.RECIPE, Run(work, tiny=True, models=models, resume=True), models)
    assert found.metrics == expected.metrics
    assert found.files["model.onnx"] == expected.files["model.onnx"]
    assert {file.name: file.read_bytes() for file in work.glob("*.png")} == pictures


def test_another_seed_is_judged_with_other_random_numbers() -> None:
    garments = tiny_fashion_mnist().train
    network = PictureVAE(len(LABELS), latent=3, width=4).eval()
    one, again, other = (code_moments(network, garments, seed)[0] for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    one, again, other = (ClassPCA(garments, 2, seed).squared_error(garments) for seed in (0, 0, 1))
    assert one == again != other


def test_bits_per_pixel_are_eight_where_every_level_is_as_likely() -> None:
    assert bits_per_pixel(torch.tensor(0.0)).item() == 8


def test_dequantised_pixels_stay_within_their_level() -> None:
    pixels = torch.randint(0, 256, (3, 28, 28), dtype=torch.uint8)
    found = dequantised(pixels)
    assert found.shape == (3, 1, 28, 28)
    assert torch.equal((found[:, 0] * 256).floor().to(torch.uint8), pixels)


def test_noise_that_is_moved_by_the_moments_of_a_class_has_them() -> None:
    torch.manual_seed(0)
    network = PictureVAE(len(LABELS), latent=3, width=4).eval()
    garments = tiny_fashion_mnist(50).train
    means, factors = code_moments(network, garments, 0)
    with torch.inference_mode():
        code = network.encode(dequantised(torch.from_numpy(garments.pixels)), torch.from_numpy(garments.classes))
    mine = torch.from_numpy(garments.classes == 4)
    torch.testing.assert_close(means[4], code.mean[mine].mean(0), rtol=0, atol=0.05)
    expected = code.mean[mine].T.cov() + code.log_variance[mine].exp().mean(0).diag()
    torch.testing.assert_close(factors[4] @ factors[4].T, expected, rtol=0, atol=0.05)


@pytest.fixture(scope="module")
def garments() -> Pictures:
    return tiny_fashion_mnist(100).train


def test_principal_components_give_back_what_they_can_say(garments: Pictures) -> None:
    """Noise of 60 levels has a variance of .0046; sixteen directions of 784 can say little of it."""
    few, many = ClassPCA(garments, 1, 0), ClassPCA(garments, 90, 0)
    assert 0.003 < few.squared_error(garments) < 0.0047
    assert many.squared_error(garments) < few.squared_error(garments) / 2
    assert 4 < few.bits_per_pixel(garments) < 8


def test_principal_components_paint_the_class_that_is_asked_for(garments: Pictures) -> None:
    baseline = ClassPCA(garments, 4, 0)
    painted = baseline.paint(np.array([0, 9, 0]), seed=1)
    assert painted.shape == (3, 28, 28)
    assert painted[0, 2:5, 6:-6].mean() > 150 > painted[1, 2:5, 6:-6].mean()
    assert painted[1, 20:23, 6:-6].mean() > 150 > painted[2, 20:23, 6:-6].mean()
    assert np.array_equal(painted, baseline.paint(np.array([0, 9, 0]), seed=1))
