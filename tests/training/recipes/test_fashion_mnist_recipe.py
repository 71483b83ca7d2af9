from pathlib import Path

import numpy as np
import pytest
from published import opened
from tiny_fashion import Made, made, resumed

from app.tasks.file_bytes import to_base64
from app.tasks.view import predict_json
from training.data.fashion_mnist import LABELS, tiny_fashion_mnist
from training.recipes import fashion_mnist as recipe


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(recipe.RECIPE, tmp_path_factory.getbasetemp())


def test_the_published_version_is_opened_as_the_service_does_and_answers(published: Made) -> None:
    served = opened(published.models, "fashion-mnist")
    item = {"image": to_base64(recipe.png(tiny_fashion_mnist(1).test.pixels[0]))}
    found = predict_json(served.views[0], served.sessions, item, {"top_k": len(LABELS)})
    assert {label["label"] for label in found} == set(LABELS)
    assert sum(label["score"] for label in found) == pytest.approx(1, abs=1e-5)


def test_the_card_has_both_baselines_the_calibration_and_three_pictures(published: Made) -> None:
    root, _, manifest = published
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


def test_a_resumed_run_is_judged_as_one_at_once(published: Made, tmp_path: Path) -> None:
    found, expected = resumed(recipe.RECIPE, published, tmp_path).manifest, published.manifest
    assert found.metrics == expected.metrics
    assert found.files["model.onnx"] == expected.files["model.onnx"]


def test_golden_pictures_are_ones_whose_first_labels_cannot_change_places() -> None:
    test = tiny_fashion_mnist(1).test
    answers = np.full((len(test), len(LABELS)), 0.01, np.float32)
    for label in range(len(LABELS)):
        answers[label, label] = 0.6
        answers[label, (label + 1) % 10], answers[label, (label + 2) % 10] = 0.2, 0.13
    assert len(recipe.golden(answers, test)) == 4
    answers[0, 1] = answers[0, 2]
    assert len(recipe.golden(answers, test)) == 3
