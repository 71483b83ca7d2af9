"""A classifier of one's own photos, from folders to an answer."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from published import built, opened

from app.repository.manifest import Manifest
from app.tasks.file_bytes import to_base64
from app.tasks.view import predict_json
from training.baselines.own_photos import LINEAR, NEAREST
from training.recipe import Run
from training.recipes.photo_classifier import RECIPE, alike

COLOURS = {"reds": (200, 30, 30), "greens": (30, 170, 40), "blues": (40, 50, 200)}


def photo(path: Path, colour: tuple[int, int, int], seed: int) -> Path:
    noise = np.random.default_rng(seed).integers(-40, 40, (8, 8, 3))
    fields = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(fields).resize((64, 64), Image.Resampling.NEAREST).save(path, quality=90)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, Path]:
    root = tmp_path_factory.mktemp("photos")
    for label, colour in COLOURS.items():
        for i in range(12):
            photo(root / "colours" / label / f"{i}.jpg", colour, 100 * len(label) + i)
    run = Run(root / "work", source=str(root / "colours"), tiny=True, set={"batch_size": "4"})
    version = built(RECIPE, run, root / "models")
    return Manifest.model_validate_json((version / "manifest.json").read_bytes()), root


def test_a_photo_is_told_by_the_classes_of_the_folders(made: tuple[Manifest, Path]) -> None:
    _, root = made
    loaded = opened(root / "models", "photo-classifier")
    new = photo(root / "new.jpg", COLOURS["greens"], 77)
    found = predict_json(loaded.views[0], loaded.sessions, {"image": to_base64(new.read_bytes())}, {})
    assert {one["label"] for one in found} == set(COLOURS)
    assert found[0]["label"] == "greens"
    assert json.loads((root / "models/photo-classifier/1/labels.json").read_text()) == sorted(COLOURS)


def test_figures_stand_beside_those_of_the_network_as_it_was_published(made: tuple[Manifest, Path]) -> None:
    manifest, root = made
    figures = {one.name: one for one in manifest.metrics}
    assert {"accuracy", "macro_f1", "deletion_area"} == set(figures)
    assert set(figures["accuracy"].baselines) == {"majority class", NEAREST, LINEAR}
    card = (root / "models/photo-classifier/1/card.md").read_text()
    assert "| reds | 3 |" in card
    assert "get the same class in 8 bits as in float" in card


def test_no_photo_of_ones_own_is_in_the_version(made: tuple[Manifest, Path]) -> None:
    _, root = made
    content = b"".join(path.read_bytes() for path in (root / "models").rglob("*") if path.is_file())
    assert not any(to_base64(file.read_bytes()).encode() in content for file in (root / "colours").rglob("*.jpg"))
    assert str(root).encode() not in content


def test_classes_that_may_mean_the_same_are_told() -> None:
    truth = np.repeat([0, 1, 2, 3], 4)
    said = np.array([0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3])
    assert alike(["sofa", "couch", "chair", "chairs"], truth, said) == [
        "The classes sofa and couch are often taken for one another: do they mean the same?",
        "The classes chair and chairs are called almost alike: do they mean the same?",
    ]
