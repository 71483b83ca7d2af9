import pickle
from io import BytesIO
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from PIL import Image
from published import opened
from tiny_fashion import Made, made, resumed

from app.serving.loading import Loaded
from app.tasks.file_bytes import from_base64
from app.tasks.view import predict_json
from training.build import build
from training.data.fashion_mnist import LABELS, tiny_fashion_mnist
from training.errors import TrainingError
from training.measures.samples import nearest
from training.networks.picture_gan import Critic, GANSampler, Generator
from training.recipe import Run
from training.recipes import fashion_gan as recipe
from training.recipes import fashion_vae
from training.recipes.painters import export_painter

LATENT = 64


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(recipe.RECIPE, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def served(published: Made) -> Loaded:
    return opened(published.models, "fashion-gan")


def test_the_published_version_paints_its_golden_pictures(served: Loaded) -> None:
    assert len(served.manifest.golden) == 3


def test_a_seed_gives_the_same_picture_again_and_another_seed_or_class_another(served: Loaded) -> None:
    first, again, other_seed, other_class = (
        predict_json(served.views[0], served.sessions, {"class": label, "seed": seed}, {})["image"]
        for label, seed in (("bag", 3), ("bag", 3), ("bag", 4), ("dress", 3))
    )
    assert first == again
    assert len({first, other_seed, other_class}) == 3
    assert Image.open(BytesIO(from_base64(first))).size == (28, 28)


def test_the_card_compares_samples_with_those_of_the_autoencoder_and_of_principal_components(
    published: Made,
) -> None:
    manifest = published.manifest
    metrics = {metric.name: metric for metric in manifest.metrics}
    assert set(metrics) == {"accuracy_of_samples", "frechet_distance", "frechet_distance_saved"}
    assert all(
        {"fashion-vae", fashion_vae.principal_components(recipe.COMPONENTS)} <= set(metric.baselines)
        for metric in metrics.values()
    )
    distance = metrics["frechet_distance"]
    saved = 1 - distance.value / distance.baselines["fashion-vae"]
    assert metrics["frechet_distance_saved"].value == pytest.approx(saved)
    assert manifest.card
    assert {Path(name).name for name in manifest.card.pictures} == {"learning.png", "samples.png", "nearest.png"}
    assert manifest.provenance
    assert [source.name for source in manifest.provenance.sources[1:]] == ["fashion-mnist", "fashion-vae"]


def test_the_exported_graph_paints_what_torch_paints(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sampler = GANSampler(Generator(len(LABELS), LATENT, width=16)).eval()
    graph = export_painter(sampler, LATENT, tmp_path / "model.onnx")
    assert max(graph.verification.batch_1, graph.verification.batch_n) <= 1
    noise, classes = torch.randn(5, LATENT), torch.tensor([9, 0, 3, 3, 1])
    (found,) = ort.InferenceSession(graph.path, providers=["CPUExecutionProvider"]).run(
        None, {"noise": noise.numpy(), "class": classes.numpy()}
    )
    with torch.inference_mode():
        expected = sampler(noise, classes).numpy()
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("missing", ["fashion-mnist", "fashion-vae"])
def test_without_its_judge_or_its_rival_it_trains_nothing(missing: str, published: Made, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for name in {"fashion-mnist", "fashion-vae"} - {missing}:
        (tmp_path / "models" / name).symlink_to(published.models / name)
    with pytest.raises(TrainingError, match=f"python -m training {missing}"):
        build(recipe.RECIPE, Run(tmp_path, tiny=True, models=tmp_path / "models"), tmp_path / "models")
    assert not (tmp_path / "gan").exists()


def test_a_resumed_run_is_judged_as_one_at_once(published: Made, tmp_path: Path) -> None:
    found, expected = resumed(recipe.RECIPE, published, tmp_path).manifest, published.manifest
    assert found.metrics == expected.metrics
    assert found.files["model.onnx"] == expected.files["model.onnx"]


def test_a_critic_that_was_pickled_scores_alike() -> None:
    critic = Critic(len(LABELS), width=4).eval()
    pictures, classes = torch.rand(3, 1, 28, 28), torch.tensor([1, 5, 9])
    again = pickle.loads(pickle.dumps(critic)).eval()
    assert torch.equal(again(pictures, classes), critic(pictures, classes))


def test_the_nearest_picture_to_one_of_them_is_itself() -> None:
    pixels = tiny_fashion_mnist().train.pixels
    assert np.array_equal(nearest(pixels[17], pixels), pixels[17])
    darker = np.maximum(pixels[17].astype(int) - 9, 0).astype(np.uint8)
    assert np.array_equal(nearest(darker, pixels), pixels[17])
