from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from app.errors import InferenceFailed, InvalidInput
from app.tasks.image_features import ImageFeatureExtraction, ImageFeaturesKernel
from app.tasks.image_input import CAT, ImageInput
from app.tasks.images import read_square

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def view(**config: object) -> ImageFeatureExtraction:
    return ImageFeatureExtraction(ImageFeaturesKernel(ImageFeaturesKernel.Config.model_validate(config), {}))


def answer(one: ImageFeatureExtraction, vector: np.ndarray, **parameters: object) -> list[float]:
    asked = one.contract.Parameters.model_validate(parameters)
    prepared = one.preprocess(ImageInput(image=CAT), asked)
    return one.postprocess(prepared, [{"features": vector}], asked)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_a_picture_becomes_what_the_graph_was_trained_on(layout):
    pixels = read_square(CAT, 32, 4)
    as_they_are = view(image_size=32, resize_margin=4, layout=layout).kernel.row(CAT)["image"]
    scaled = view(image_size=32, resize_margin=4, layout=layout, mean=MEAN, std=STD).kernel.row(CAT)["image"]
    if layout == "nchw":
        as_they_are, scaled = as_they_are.transpose(1, 2, 0), scaled.transpose(1, 2, 0)
    assert as_they_are.dtype == np.uint8
    np.testing.assert_array_equal(as_they_are, pixels)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, (pixels / 255 - MEAN) / STD, rtol=1e-5, atol=1e-5)


def test_its_vector_is_flat_and_of_length_one_if_that_is_asked_for():
    pooled = np.array([[[3.0]], [[4.0]]], np.float32)  # [channels, 1, 1], as a pooling layer leaves it
    assert answer(view(), pooled) == [3.0, 4.0]
    assert answer(view(), pooled, normalize=True) == pytest.approx([0.6, 0.8])
    assert answer(view(), np.zeros(2, np.float32), normalize=True) == [0.0, 0.0]


def test_a_vector_that_holds_no_numbers_is_no_answer():
    with pytest.raises(InferenceFailed, match="no numbers"):
        answer(view(), np.array([1.0, np.nan], np.float32))


@pytest.mark.parametrize("config", [{"mean": MEAN}, {"std": STD}, {"mean": MEAN, "std": (0.2, 0.0, 0.2)}])
def test_pixels_are_scaled_by_a_mean_and_a_deviation_or_not_at_all(config):
    with pytest.raises(ValidationError, match=r"belong together|larger than 0"):
        view(**config)


def test_what_is_no_picture_is_refused_where_it_stands():
    with pytest.raises(InvalidInput) as found:
        view().preprocess(ImageInput(image=b"no picture"), ImageFeatureExtraction.contract.Parameters())
    assert found.value.details[0]["loc"] == ["image"]
    file = BytesIO()
    Image.new("RGB", (60, 40), "red").save(file, "PNG")
    assert view().needs(ImageInput(image=file.getvalue())).pixels == 2400
