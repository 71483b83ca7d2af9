import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from app.errors import InferenceFailed, InvalidInput
from app.tasks.image_input import CAT, ImageInput
from app.tasks.object_detection import Detections, ObjectDetection, ObjectDetectionKernel

LABELS = ["cat", "cup"]
BOXES = np.array([[0.5, 0.5, 1, 1], [0.25, 0.25, 0.5, 0.5], [0.9, 0.1, 0.4, 0.4]], np.float32)


def task(function: str = "softmax", most: int = 100, **resize: int) -> ObjectDetection:
    pixels = {"resize": {"filter": "bilinear", **(resize or {"shortest_edge": 64, "longest_edge": 96})}}
    config = {"labels": LABELS, "function_to_apply": function, "most": most, "pixels": pixels, "least_side": 8}
    return ObjectDetection(ObjectDetectionKernel(ObjectDetectionKernel.Config.model_validate(config), {}))


def picture(width: int, height: int) -> ImageInput:
    file = BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return ImageInput(image=file.getvalue())


def found(view: ObjectDetection, logits: object, boxes: object = BOXES, threshold: float = 0.5) -> Detections:
    parameters = view.contract.Parameters(threshold=threshold)
    prepared = view.preprocess(picture(300, 200), parameters)
    answer = {"logits": np.array(logits, np.float32), "boxes": np.array(boxes, np.float32)}
    return view.postprocess(prepared, [answer], parameters)


def test_boxes_are_in_pixels_of_the_picture_and_the_surest_come_first() -> None:
    output = found(task(), [[2, 0, 0], [0, 5, 0], [9, 0, 10]])
    assert (output.width, output.height) == (300, 200)
    assert [(one.label, one.box.model_dump()) for one in output.detections] == [
        ("cup", {"xmin": 0, "ymin": 0, "xmax": 150, "ymax": 100}),
        ("cat", {"xmin": 0, "ymin": 0, "xmax": 300, "ymax": 200}),
    ]
    expected = np.exp([5, 2]) / (np.exp([5, 2]) + 2)
    assert [one.score for one in output.detections] == pytest.approx(expected.tolist(), abs=1e-6)


def test_a_box_may_reach_beyond_the_picture() -> None:
    (one,) = found(task(), [[0, 0, 9], [0, 0, 9], [9, 0, 0]]).detections
    assert one.box.model_dump() == {"xmin": 210, "ymin": -20, "xmax": 330, "ymax": 60}


def test_a_box_may_have_several_labels_where_each_is_by_itself() -> None:
    view = task("sigmoid")
    logits = [[3, 2], [-3, -3], [-3, 1]]
    assert [(one.label, one.box.xmin) for one in found(view, logits).detections] == [
        ("cat", 0),
        ("cup", 0),
        ("cup", 210),
    ]
    assert len(found(view, logits, threshold=0).detections) == 6
    assert len(found(task("sigmoid", most=4), logits, threshold=0).detections) == 4


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_only_what_is_surer_than_the_threshold_is_told(threshold: float) -> None:
    output = found(task("sigmoid"), [[0, 0], [9, -9], [-2, 2]], threshold=threshold)
    assert all(one.score > threshold for one in output.detections)
    assert len(output.detections) == {0.0: 6, 0.5: 2, 1.0: 0}[threshold]


def test_numbers_that_are_none_are_a_failure_of_the_model() -> None:
    with pytest.raises(InferenceFailed):
        found(task(), np.full((3, 3), np.nan))


def test_pictures_of_one_size_after_they_are_resized_share_a_batch() -> None:
    kernel = task().kernel
    rows = [kernel.row(picture(*size).image) for size in ((300, 200), (600, 400), (200, 300), (128, 128))]
    groups = [kernel.group(row) for row in rows]
    assert groups[0] == groups[1] == (64, 96, 3)
    assert len(set(groups)) == 3
    assert [kernel.length(row) for row in rows] == [6, 6, 6, 4]
    assert [kernel.length(kernel.probe(length)) for length in kernel.lengths] == kernel.lengths == [2, 4]


def test_pictures_of_a_fixed_size_have_one_length() -> None:
    kernel = task(height=48, width=64).kernel
    assert kernel.lengths == (4,)
    assert kernel.probe(4)["image"].shape == kernel.row(picture(3000, 40).image)["image"].shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((3000, 100), "as this model reads it 96 x 3; each side must have at least 8 then"),
        ((40_000, 8), "nothing is left of 40000 x 8 pixels"),
    ],
)
def test_a_picture_too_narrow_to_be_seen_is_refused(size: tuple[int, int], words: str) -> None:
    view = task()
    with pytest.raises(InvalidInput, match=words) as caught:
        view.preprocess(picture(*size), view.contract.Parameters())
    assert caught.value.details[0]["loc"] == ["image"]


def test_a_picture_that_would_be_huge_is_refused() -> None:
    view = task(shortest_edge=800)
    with pytest.raises(InvalidInput, match="as this model reads it 8000 x 800; there may be 4,194,304 pixels then"):
        view.preprocess(picture(2000, 200), view.contract.Parameters())


def test_a_photo_on_its_side_is_measured_upright() -> None:
    file = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(BytesIO(CAT)).resize((90, 60)).save(file, "JPEG", exif=exif)
    view = task()
    prepared = view.preprocess(ImageInput(image=file.getvalue()), view.contract.Parameters())
    assert prepared.context == (90, 60)
    assert prepared.rows[0]["image"].shape == (96, 64, 3)


def test_the_example_is_compared_without_the_rounding_of_pixels() -> None:
    output = found(task(), [[2, 0, 0], [0, 5, 0], [9, 0, 0]]).model_dump()
    compared = ObjectDetection.contract.comparable(output)
    assert list(compared) == ["cat", "cup"]
    assert compared["cat"]["xmax"] - compared["cat"]["xmin"] == pytest.approx(120 / 100_000)
    assert base64.b64decode(ObjectDetection.contract.example["image"]) == CAT
