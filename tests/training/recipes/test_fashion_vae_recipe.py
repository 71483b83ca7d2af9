from pathlib import Path

import pytest
import torch
from published import opened
from tiny_fashion import Made, made, resumed

from training.build import build
from training.errors import TrainingError
from training.recipe import Run
from training.recipes import fashion_vae as recipe


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(recipe.RECIPE, tmp_path_factory.getbasetemp())


def test_the_published_version_paints_its_golden_pictures(published: Made) -> None:
    assert len(opened(published.models, "fashion-vae").manifest.golden) == 3


def test_the_card_compares_samples_and_reconstructions_with_principal_components(
    published: Made,
) -> None:
    manifest = published.manifest
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


def test_a_resumed_run_is_judged_as_one_at_once(published: Made, tmp_path: Path) -> None:
    torch.rand(3)  # whatever was drawn before
    again = resumed(recipe.RECIPE, published, tmp_path)
    assert again.manifest.metrics == published.manifest.metrics
    assert again.manifest.files["model.onnx"] == published.manifest.files["model.onnx"]
    assert pictures(again.work) == pictures(published.work) != {}


def pictures(work: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in work.glob("*.png")}
