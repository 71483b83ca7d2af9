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
from training.baselines.garments import regression_scores
from training.build import build
from training.data.fashion_mnist import LABELS, tiny_fashion_mnist
from training.measures.garments import accuracy
from training.networks.garment_classifier import GarmentClassifier, mirrored_mean, normalised
from training.networks.picture_resnet import PictureResNet
from training.recipe import Run
from training.recipes import fashion_mnist as recipe


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """The whole way from a tiny slice to a published version."""
    root = tmp_path_factory.mktemp("fashion")
    (root / "work").mkdir()
    return root / "models", build(recipe.RECIPE, Run(root / "work", tiny=True), root / "models")


def test_the_published_version_answers_its_golden_examples(published: tuple[Path, Manifest]) -> None:
    root, manifest = published
    repository = ModelRepository(root)
    files = repository.verify(repository.read("fashion-mnist", 1))
    task = TASKS[manifest.task].own(TASKS[manifest.task].open(manifest.config, files))
    session = RUNTIMES[manifest.runtime](files[manifest.graphs["model"]], RuntimeOptions(device="cpu"))
    for golden in manifest.golden:
        found = predict_json(task, {"model": session}, golden.input, golden.parameters)
        assert difference(golden.output, found, golden.tolerance) is None


def test_the_card_has_both_baselines_the_calibration_and_three_pictures(published: tuple[Path, Manifest]) -> None:
    root, manifest = published
    metrics = {metric.name: metric for metric in manifest.metrics}
    assert set(metrics["accuracy"].baselines) == {"textbook CNN", "logistic regression", "majority class"}
    assert 0 <= metrics["expected_calibration_error"].value <= 1
    assert manifest.verification
    assert manifest.verification.batch_n < 1e-4
    assert manifest.card
    assert len(manifest.card.pictures) == 3
    card = (root / "fashion-mnist" / "1" / manifest.card.markdown).read_text()
    assert "textbook CNN" in card
    assert "light garments on black" in card


def test_a_resumed_run_is_judged_as_one_at_once(published: tuple[Path, Manifest]) -> None:
    models, expected = published
    leave_only_fits(models.parent / "work")
    found = build(recipe.RECIPE, Run(models.parent / "work", tiny=True, resume=True), models)
    assert found.metrics == expected.metrics
    assert found.files["model.onnx"] == expected.files["model.onnx"]


@pytest.fixture
def classifier() -> GarmentClassifier:
    torch.manual_seed(0)
    return GarmentClassifier(PictureResNet(len(LABELS), width=8), 1.0).eval()


@torch.inference_mode()
def test_a_negative_and_a_mirror_image_get_the_same_answer(classifier: GarmentClassifier) -> None:
    pixels = tiny_fashion_mnist().test.pixels
    images = torch.from_numpy(recipe.rgb(pixels))
    expected = classifier(images)
    torch.testing.assert_close(classifier(255 - images), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(classifier(images.flip(2)), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(expected.sum(1), torch.ones(len(pixels)))


@torch.inference_mode()
def test_a_colour_is_read_as_its_brightness(classifier: GarmentClassifier) -> None:
    colour = np.zeros((2, 28, 28, 3), np.uint8)
    colour[0, 8:20, 8:20] = (200, 100, 50)
    colour[1, 8:20, 8:20] = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    one, other = classifier(torch.from_numpy(colour))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-3)


@torch.inference_mode()
def test_the_graph_reads_light_on_dark_as_the_network_was_trained(classifier: GarmentClassifier) -> None:
    pixels = torch.from_numpy(tiny_fashion_mnist().test.pixels)
    expected = mirrored_mean(classifier.network, normalised(pixels)).softmax(1)
    found = classifier(torch.from_numpy(recipe.rgb(pixels.numpy())))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_golden_pictures_are_ones_whose_first_labels_cannot_change_places() -> None:
    test = tiny_fashion_mnist(1).test
    answers = np.full((len(test), len(LABELS)), 0.01, np.float32)
    for label in range(len(LABELS)):
        answers[label, label] = 0.6
        answers[label, (label + 1) % 10], answers[label, (label + 2) % 10] = 0.2, 0.13
    assert len(recipe.golden(answers, test)) == 4
    answers[0, 1] = answers[0, 2]
    assert len(recipe.golden(answers, test)) == 3


def test_a_linear_model_learns_the_tiny_pictures() -> None:
    garments = tiny_fashion_mnist()
    assert accuracy(regression_scores(garments), garments.test.classes) > 0.9
