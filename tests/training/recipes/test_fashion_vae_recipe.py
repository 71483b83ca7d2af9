from pathlib import Path

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
from training.build import build
from training.errors import TrainingError
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
