from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from training.card.plots import (
    agreement_plot,
    calibration_plot,
    confusion_matrix,
    grouped_bars,
    image_grid,
    learning_curves,
)


def pixels(path: Path) -> npt.NDArray[np.uint8]:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def test_a_curve_has_a_panel_for_each_title_and_may_miss_epochs(tmp_path: Path) -> None:
    rows = [{"epoch": 1.0, "loss": 2.0}, {"epoch": 2.0, "loss": 1.0, "val_loss": 1.5}]
    one = pixels(learning_curves(rows, {"loss": ["loss", "val_loss"]}, tmp_path / "one.png"))
    two = pixels(learning_curves(rows, {"loss": ["loss"], "other": ["val_loss"]}, tmp_path / "new" / "two.png"))
    assert one.shape == two.shape
    assert (one != two).any()


def test_a_confusion_matrix_is_dark_where_answers_are(tmp_path: Path) -> None:
    right = pixels(confusion_matrix(np.diag([9, 9, 9]), ["a", "b", "c"], tmp_path / "right.png"))
    wrong = pixels(confusion_matrix(np.fliplr(np.diag([9, 9, 9])), ["a", "b", "c"], tmp_path / "wrong.png"))
    assert right.shape == wrong.shape
    assert (right != wrong).any()


def test_a_label_that_nobody_has_divides_nothing_by_zero(tmp_path: Path) -> None:
    pixels(confusion_matrix(np.array([[3, 1], [0, 0]]), ["a", "b"], tmp_path / "c.png"))


def test_calibration_and_images_are_drawn(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    sure = random.dirichlet(np.ones(3), 200)
    pixels(calibration_plot(sure, random.integers(0, 3, 200), tmp_path / "calibration.png"))
    images = [random.integers(0, 255, (28, 28), np.uint8), random.integers(0, 255, (28, 28, 3), np.uint8)]
    pixels(image_grid(images, ["grey", "colour"], tmp_path / "grid.png"))
    with pytest.raises(ValueError, match="zip"):
        image_grid(images, ["one caption"], tmp_path / "grid.png")


def test_the_same_content_is_the_same_file(tmp_path: Path) -> None:
    rows = [{"epoch": 1.0, "loss": 2.0}]
    first, second = (learning_curves(rows, {"loss": ["loss"]}, tmp_path / f"{i}.png").read_bytes() for i in range(2))
    assert first == second


def test_bars_are_as_high_as_their_numbers(tmp_path: Path) -> None:
    low = pixels(grouped_bars({"a": [1, 2], "b": [2, 1]}, ["x", "y"], "points", tmp_path / "low.png"))
    high = pixels(grouped_bars({"a": [1, 2], "b": [2, 9]}, ["x", "y"], "points", tmp_path / "high.png"))
    assert low.shape == high.shape
    assert (low != high).any()


def test_points_that_disagree_look_otherwise(tmp_path: Path) -> None:
    expected = np.array([[0.9, 0.1], [0.4, 0.6]])
    alike = pixels(agreement_plot(expected, expected, tmp_path / "alike.png"))
    other = pixels(agreement_plot(expected, expected[:, ::-1], tmp_path / "other.png"))
    assert alike.shape == other.shape
    assert (alike != other).any()
