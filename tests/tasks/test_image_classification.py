import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import PHOTO, encoded
from pydantic import ValidationError

from app.errors import InvalidArtifact, InvalidInput
from app.tasks.image_classification import ImageClassification, ImageClassificationKernel
from app.tasks.image_input import CAT, ImageInput
from app.tasks.pixels import PixelsConfig, read_picture


@pytest.fixture
def task(tmp_path: Path) -> ImageClassification:
    labels = tmp_path / "names.json"
    labels.write_text(json.dumps(["cat", "dog", "cup"]))
    config = ImageClassificationKernel.Config.model_validate({"labels": "names.json"})
    return ImageClassification(ImageClassificationKernel(config, {"names.json": labels}))


def test_the_example_is_a_small_photo_in_base64(task: ImageClassification) -> None:
    assert len(CAT) <= 4096
    item = ImageInput.model_validate_json(json.dumps(ImageClassification.contract.example))
    assert item.image == CAT
    prepared = task.preprocess(item, task.contract.Parameters())
    assert [row["image"].shape for row in prepared.rows] == [(224, 224, 3)]
    assert np.array_equal(task.kernel.probe(1)["image"], prepared.rows[0]["image"])


def test_what_is_wrong_with_an_image_is_told_under_its_field(task: ImageClassification) -> None:
    with pytest.raises(InvalidInput) as caught:
        task.preprocess(ImageInput(image=b""), task.contract.Parameters())
    assert caught.value.details == [{"loc": ["image"], "msg": "the image is empty"}]


@pytest.mark.parametrize(("parameters", "expected"), [({}, ["dog", "cup", "cat"]), ({"top_k": 2}, ["dog", "cup"])])
def test_labels_come_best_first(task: ImageClassification, parameters: dict[str, int], expected: list[str]) -> None:
    chosen = task.contract.Parameters.model_validate(parameters)
    prepared = task.preprocess(ImageInput(image=CAT), chosen)
    answer = {"probabilities": np.array([0.1, 0.6, 0.3], np.float32)}
    assert [label.label for label in task.postprocess(prepared, [answer], chosen)] == expected


def test_five_labels_are_given_unless_asked_otherwise() -> None:
    assert ImageClassification.contract.Parameters().top_k == 5
    with pytest.raises(ValidationError):
        ImageClassification.contract.Parameters(top_k=0)


@pytest.mark.parametrize("content", ["no json", "{}", '["one"]', "[1, 2]"])
def test_labels_that_are_no_list_of_names_are_an_invalid_artifact(tmp_path: Path, content: str) -> None:
    (tmp_path / "labels.json").write_text(content)
    config = ImageClassificationKernel.Config(labels="labels.json")
    with pytest.raises(InvalidArtifact, match=r"labels\.json is not a JSON list of at least two names"):
        ImageClassification(ImageClassificationKernel(config, {"labels.json": tmp_path / "labels.json"}))


def test_pictures_may_be_prepared_to_the_pixel_and_oblong(tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text('["cat", "dog"]')
    pixels = {"resize": {"filter": "box", "shortest_edge": 40}, "crop": [32, 36]}
    config = ImageClassificationKernel.Config.model_validate({"labels": "l", "pixels": pixels})
    task = ImageClassification(ImageClassificationKernel(config, {"l": tmp_path / "names.json"}))
    (row,) = task.preprocess(ImageInput(image=CAT), task.contract.Parameters()).rows
    assert np.array_equal(row["image"], read_picture(CAT, PixelsConfig.model_validate(pixels)).pixels)
    assert row["image"].shape == (32, 36, 3)
    strip = encoded(PHOTO.resize((3000, 20)), "PNG")
    assert task.needs(ImageInput(image=strip)).pixels == 6000 * 40


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"image_size": 32, "pixels": {"crop": [32, 32]}}, "so image_size has no effect"),
        ({"pixels": {"resize": {"filter": "box", "shortest_edge": 40}}}, "must tell a size that all pictures have"),
        ({"pixels": {}}, "must tell a size that all pictures have"),
    ],
)
def test_a_size_is_stated_once_and_is_that_of_all_pictures(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ImageClassificationKernel.Config.model_validate({"labels": "names.json", **more})
