import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from app.errors import InferenceFailed, InvalidInput
from app.tasks.image_input import ImageInput
from app.tasks.image_segmentation import ImageSegmentation, ImageSegmentationKernel, Regions

LABELS = ["sky", "sea", "ship"]


@pytest.fixture
def view() -> ImageSegmentation:
    pixels = {"resize": {"filter": "bilinear", "height": 32, "width": 32}}
    config = ImageSegmentationKernel.Config.model_validate({"labels": LABELS, "pixels": pixels})
    return ImageSegmentation(ImageSegmentationKernel(config, {}))


def picture(width: int, height: int) -> ImageInput:
    file = BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return ImageInput(image=file.getvalue())


def regions(view: ImageSegmentation, logits: np.ndarray) -> Regions:
    parameters = view.contract.Parameters()
    prepared = view.preprocess(picture(60, 40), parameters)
    return view.postprocess(prepared, [{"logits": logits.astype(np.float32)}], parameters)


def halves() -> np.ndarray:
    """The sky on the upper quarter of a grid of eight rows, the sea below."""
    logits = np.zeros((3, 8, 8))
    logits[0, :2], logits[1, 2:], logits[2] = 4, 4, -1
    return logits


def test_each_class_that_occurs_has_a_mask_of_the_pictures_size(view: ImageSegmentation) -> None:
    output = regions(view, halves())
    assert (output.width, output.height) == (60, 40)
    assert [(one.label, one.share) for one in output.regions] == [("sea", 0.75), ("sky", 0.25)]
    masks = [np.asarray(Image.open(BytesIO(one.mask))) for one in output.regions]
    assert all(mask.shape == (40, 60) for mask in masks)
    assert np.array_equal(sum(mask.astype(int) for mask in masks), np.full((40, 60), 255))
    assert masks[1][:10].all()


def test_the_answer_is_written_mask_by_mask(view: ImageSegmentation) -> None:
    output = regions(view, halves())
    pieces = list(view.contract.written(output))
    assert json.loads(b"".join(pieces)) == json.loads(output.model_dump_json())
    assert max(map(len, pieces)) < len(b"".join(pieces)) / 1.5
    assert ImageSegmentation.contract.comparable(output.model_dump()) == {"sea": 0.0075, "sky": 0.0025}


def test_numbers_that_are_none_are_a_failure_of_the_model(view: ImageSegmentation) -> None:
    with pytest.raises(InferenceFailed):
        regions(view, np.full((3, 8, 8), np.inf))


def test_a_picture_with_more_pixels_than_masks_may_have_is_refused_before_it_is_decoded(
    view: ImageSegmentation,
) -> None:
    with pytest.raises(InvalidInput, match="has 25,000,000 pixels; masks are made of at most 24,000,000") as caught:
        view.needs(picture(5000, 5000))
    assert caught.value.details[0]["loc"] == ["image"]
    assert view.needs(picture(4000, 3000)).pixels >= 12_000_000
