import base64
import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from app.errors import InferenceFailed, InvalidArtifact, InvalidInput
from app.repository.golden import difference
from app.tasks.image_generation import (
    LARGEST_SEED,
    GeneratedImage,
    ImageGeneration,
    ImageGenerationConfig,
    ImageGenerationKernel,
    ImageGenerationParameters,
    SeedInput,
    to_png,
)
from app.tasks.view import predict_alone, predict_json
from app.tensors import Placement, Tensors

LABELS = ["coat", "bag", "sandal"]
LATENT = 4


class Painter:
    """Rows of noise as grey levels, with the class in the first pixel; a crowd makes every pixel brighter by one."""

    placement = Placement("cpu", "a test")

    def run(self, inputs: Tensors) -> Tensors:
        crowd = len(inputs["noise"]) - 1
        image = (128 + 40 * inputs["noise"]).clip(0, 254).astype(np.uint8)[:, np.newaxis, :, np.newaxis] + crowd
        image = np.concatenate([image, image], axis=1)
        image[:, 0, 0, 0] = inputs.get("class", np.zeros(len(image)))
        return {"image": image.astype(np.uint8)}


@pytest.fixture
def task(tmp_path: Path) -> ImageGeneration:
    (tmp_path / "labels.json").write_text(json.dumps(LABELS))
    config = ImageGenerationConfig(latent=LATENT, labels="labels.json")
    return ImageGeneration(ImageGenerationKernel(config, {"labels.json": tmp_path / "labels.json"}))


def paint(task: ImageGeneration, item: dict[str, object], **parameters: object) -> GeneratedImage:
    output = predict_alone(
        task, {"model": Painter()}, SeedInput.model_validate(item), ImageGenerationParameters.model_validate(parameters)
    )
    assert isinstance(output, GeneratedImage)
    return output


def pixels(image: GeneratedImage) -> list[list[int]]:
    found: list[list[int]] = np.asarray(Image.open(BytesIO(image.image))).tolist()
    return found


def test_a_seed_gives_the_same_picture_and_another_seed_another(task: ImageGeneration) -> None:
    assert paint(task, {"class": "bag", "seed": 3}) == paint(task, {"class": "bag", "seed": 3})
    assert paint(task, {"class": "bag", "seed": 3}).image != paint(task, {"class": "bag", "seed": 4}).image


def test_the_picture_does_not_depend_on_its_neighbours_in_a_batch(task: ImageGeneration) -> None:
    items = [SeedInput.model_validate({"class": "bag", "seed": seed}) for seed in range(5)]
    rows = [task.preprocess(item, ImageGenerationParameters()).rows[0] for item in items]
    together = task.kernel.run({"model": Painter()}, rows)
    for row, answer in zip(rows, together, strict=True):
        (alone,) = task.kernel.run({"model": Painter()}, [row])
        assert np.array_equal(answer["image"], alone["image"])


def test_what_chance_decided_is_told_and_gives_the_picture_again(task: ImageGeneration) -> None:
    drawn = paint(task, {})
    assert drawn.label in LABELS
    assert paint(task, {"class": drawn.label, "seed": drawn.seed}) == drawn
    assert paint(task, {"class": None, "seed": drawn.seed}) == drawn


def test_without_a_seed_pictures_differ(task: ImageGeneration) -> None:
    assert len({paint(task, {"class": "coat"}).seed for _ in range(10)}) > 1


def test_every_class_is_drawn_sometimes(task: ImageGeneration) -> None:
    assert {paint(task, {"seed": seed}).label for seed in range(40)} == set(LABELS)


def test_the_noise_of_a_seed_is_the_one_it_always_was(task: ImageGeneration) -> None:
    (row,) = task.preprocess(SeedInput(seed=7), ImageGenerationParameters()).rows
    assert row["noise"].dtype == np.float32
    assert row["noise"].tolist() == pytest.approx([1.6905257, -0.4659374, 0.0328202, 0.4075163], abs=1e-6)


def test_the_picture_is_a_png_of_what_the_graph_painted(task: ImageGeneration) -> None:
    painted = pixels(paint(task, {"class": "sandal", "seed": 1}))
    (row,) = task.preprocess(SeedInput.model_validate({"class": "sandal", "seed": 1}), ImageGenerationParameters()).rows
    (answer,) = task.kernel.run({"model": Painter()}, [row])
    assert painted == answer["image"][:, :, 0].tolist()
    assert painted[0][0] == LABELS.index("sandal")


def test_a_scale_repeats_pixels(task: ImageGeneration) -> None:
    small = np.asarray(pixels(paint(task, {"class": "bag", "seed": 1})))
    assert pixels(paint(task, {"class": "bag", "seed": 1}, scale=3)) == np.kron(small, np.ones((3, 3), int)).tolist()


def test_a_model_without_classes_answers_none_and_refuses_one() -> None:
    task = ImageGeneration(ImageGenerationKernel(ImageGenerationConfig(latent=LATENT), {}))
    (row,) = task.preprocess(SeedInput(seed=1), ImageGenerationParameters()).rows
    assert set(row) == {"noise"}
    assert paint(task, {"seed": 1}).label is None
    with pytest.raises(InvalidInput, match="class: this model knows no classes"):
        paint(task, {"class": "bag"})


@pytest.mark.parametrize("name", ["ｂａｇ", " bag", "b\u00adag\u200b"])
def test_a_class_is_known_by_how_it_looks(task: ImageGeneration, name: str) -> None:
    assert paint(task, {"class": name, "seed": 3}) == paint(task, {"class": "bag", "seed": 3})


@pytest.mark.parametrize("name", ["Bag", "", "hat", "\udc80"])
def test_an_unknown_class_is_refused_with_those_that_there_are(task: ImageGeneration, name: str) -> None:
    with pytest.raises(InvalidInput, match=r"unknown class .* there are: coat, bag, sandal") as caught:
        task.preprocess(SeedInput.model_construct(label=name, seed=1), ImageGenerationParameters())
    assert caught.value.details[0]["loc"] == ["class"]
    str(caught.value).encode()


@pytest.mark.parametrize(
    ("item", "field"),
    [
        pytest.param({"seed": -1}, "seed", id="negative seed"),
        pytest.param({"seed": LARGEST_SEED + 1}, "seed", id="seed too large"),
        pytest.param({"seed": "7"}, "seed", id="seed as text"),
        pytest.param({"seed": 7.0}, "seed", id="seed as a fraction"),
        pytest.param({"seed": True}, "seed", id="seed as a truth"),
        pytest.param({"class": 3}, "class", id="class as a number"),
        pytest.param({"label": "bag"}, "label", id="a field that there is not"),
    ],
)
def test_a_bad_item_names_its_field(item: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SeedInput.model_validate(item)
    assert caught.value.errors()[0]["loc"] == (field,)


def test_golden_pictures_are_compared_by_their_pixels_within_the_tolerance(task: ImageGeneration) -> None:
    output = predict_json(task, {"model": Painter()}, {"class": "bag", "seed": 1}, {})
    image = np.array(Image.open(BytesIO(base64.b64decode(output["image"]))))
    image[1, 2] += 2
    file = BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=0)
    rounded = {**output, "image": base64.b64encode(file.getvalue()).decode()}
    assert difference(task.contract.comparable(output), task.contract.comparable(rounded), 2) is None
    assert difference(task.contract.comparable(output), task.contract.comparable(rounded), 1) is not None
    assert difference(task.contract.comparable(output), task.contract.comparable({**output, "seed": 9}), 2) is not None


def test_colours_are_painted_as_they_are() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert np.asarray(Image.open(BytesIO(to_png(image, 1)))).tolist() == image.tolist()


@pytest.mark.parametrize(
    "image", [np.zeros((2, 2, 1), np.float32), np.zeros((2, 2, 2), np.uint8), np.zeros((2, 2), np.uint8)]
)
def test_what_is_no_picture_is_the_fault_of_the_model(image: np.ndarray) -> None:
    with pytest.raises(InferenceFailed, match="for a picture"):
        to_png(image, 1)


def test_a_file_of_labels_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text('{"coat": 1}')
    with pytest.raises(InvalidArtifact, match="not a JSON list"):
        ImageGeneration(
            ImageGenerationKernel(
                ImageGenerationConfig(latent=1, labels="labels.json"), {"labels.json": tmp_path / "labels.json"}
            )
        )
