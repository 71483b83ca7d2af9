import base64
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from graphs import save
from onnx import TensorProto, helper
from PIL import Image

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.explanations.image import GRID, ImageExplanation
from app.tasks.file_bytes import to_base64
from app.tasks.image_classification import ImageClassificationConfig, ImageClassificationKernel
from app.tasks.occlusion import shown
from app.tasks.pixels import PixelsConfig
from app.tasks.view import predict_json

SIZE = 48
LABELS = '["left top is bright", "right bottom is bright"]'


def png(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def explain(tmp_path: Path):
    """Explains a classifier that adds up the pixels of two corners, a quarter of the picture each."""
    corners = np.zeros((SIZE * SIZE * 3, 2), np.float32)
    where = np.arange(SIZE * SIZE * 3).reshape(SIZE, SIZE, 3)
    corners[where[: SIZE // 2, : SIZE // 2].ravel(), 0] = 1
    corners[where[SIZE // 2 :, SIZE // 2 :].ravel(), 1] = 1
    graph = save(
        tmp_path / "corners.onnx",
        [
            helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["pixels"], ["flat"]),
            helper.make_node("MatMul", ["flat", "corners"], ["probabilities"]),
        ],
        [("image", "UINT8", ["n", SIZE, SIZE, 3])],
        [("probabilities", "FP32", ["n", 2])],
        corners=corners / (SIZE * SIZE * 3 / 4 * 255),
    )
    (tmp_path / "labels.json").write_text(LABELS)
    config = ImageClassificationConfig(labels="labels.json", image_size=SIZE, resize_margin=0)
    explanation = ImageExplanation(ImageClassificationKernel(config, {"labels.json": tmp_path / "labels.json"}))
    sessions = {"model": load_onnx(graph, RuntimeOptions(device="cpu"))}
    return lambda content, **parameters: predict_json(explanation, sessions, {"image": to_base64(content)}, parameters)


def spots() -> np.ndarray:
    """Black, with a bright spot in the left top quarter and a darker one in the right bottom quarter."""
    pixels = np.zeros((SIZE, SIZE, 3))
    pixels[8:16, 8:16] = 250
    pixels[32:40, 36:44] = 150
    return pixels


def test_heat_is_where_the_label_was_seen(explain):
    found = explain(png(spots()))
    assert found["label"] == "left top is bright"
    heat = np.array(found["heatmap"]["values"])
    assert found["heatmap"]["shape"] == [GRID, GRID] == list(heat.shape)
    top, left = np.unravel_index(heat.argmax(), heat.shape)
    assert 2 <= top <= 3
    assert 2 <= left <= 3
    assert heat[6:, 6:].max() == pytest.approx(0, abs=1e-3)


def test_another_label_may_be_explained(explain):
    heat = np.array(explain(png(spots()), label="right bottom is bright")["heatmap"]["values"])
    top, left = np.unravel_index(heat.argmax(), heat.shape)
    assert 8 <= top <= 9
    assert 9 <= left <= 10
    assert heat[:6, :6].max() == pytest.approx(0, abs=1e-3)


def test_the_overlay_is_a_picture_of_the_square_that_is_warm_where_the_heat_is(explain):
    content = base64.b64decode(explain(png(spots()))["overlay"])
    picture = Image.open(BytesIO(content))
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (224, 224))
    red, _, blue = np.moveaxis(np.asarray(picture, np.int64), -1, 0)
    warm = red - blue
    assert warm[37:74, 37:74].mean() > 60
    assert abs(warm[160:, :60]).max() < 10  # where nothing was seen it is grey


def test_a_picture_of_one_colour_has_no_heat(explain):
    found = explain(png(np.full((SIZE, SIZE, 3), 99)))
    assert np.abs(found["heatmap"]["values"]).max() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("size", [8, 11, 12, 28, 224])
def test_every_size_has_at_most_200_rows_and_heat_of_every_cell(tmp_path: Path, size: int):
    (tmp_path / "labels.json").write_text(LABELS)
    config = ImageClassificationConfig(labels="l", image_size=size, resize_margin=0)
    explanation = ImageExplanation(ImageClassificationKernel(config, {"l": tmp_path / "labels.json"}))
    item = explanation.contract.Input(image=png(np.random.default_rng(0).integers(0, 256, (40, 60, 3))))
    prepared = explanation.preprocess(item, explanation.contract.Parameters())
    assert 1 < len(prepared.rows) <= 200
    assert all(row["image"].shape == (size, size, 3) and row["image"].dtype == np.uint8 for row in prepared.rows)
    answers = [{"probabilities": np.array([0.75, 0.25], np.float32)} for _ in prepared.rows]
    heat = explanation.postprocess(prepared, answers, explanation.contract.Parameters()).heatmap
    assert np.isfinite(heat.values).all()
    assert heat.shape == (min(size, GRID), min(size, GRID))


def test_of_an_oblong_part_the_heat_and_the_overlay_are_oblong(tmp_path: Path):
    (tmp_path / "labels.json").write_text(LABELS)
    config = ImageClassificationConfig(labels="l", pixels=PixelsConfig(crop=(10, 32)))
    explanation = ImageExplanation(ImageClassificationKernel(config, {"l": tmp_path / "labels.json"}))
    seen = np.zeros((10, 32, 3), np.uint8)
    seen[2:4, 24:27] = 250
    prepared = explanation.preprocess(explanation.contract.Input(image=png(seen)), explanation.contract.Parameters())
    bright = [shown(row).mean() for row in prepared.rows]
    answers = [{"probabilities": np.array([share, 1 - share], np.float32)} for share in bright / np.max(bright)]
    found = explanation.postprocess(prepared, answers, explanation.contract.Parameters())
    assert found.heatmap.shape == (10, GRID)
    top, left = np.unravel_index(np.argmax(found.heatmap.values), found.heatmap.shape)
    assert 2 <= top <= 3
    assert 8 <= left <= 10
    assert Image.open(BytesIO(found.overlay)).size == (717, 224)
