"""Imported detectors and segmenters, in the service: asked by the real client of Hugging Face, beside transformers."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from huggingface_hub import InferenceClient
from importing_models import imported
from PIL import Image, ImageOps
from services import Service, running
from whole_picture_models import LABELS, detr, save, save_with

from app.repository.repository import ModelRepository
from app.tasks.file_bytes import to_base64
from training.data.photos import scikit_photos
from training.importing.image_segmentation import segmentation_fault
from training.importing.object_detection import detection_fault
from training.importing.photos import compared_photos

NAMES = ("detr", "rt-detr", "segformer")
SIZES = ((300, 200), (200, 300), (451, 300), (150, 100))
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("pictures")
    found = {name: save(root, name) for name in NAMES}
    assert [imported(folder) for folder in found.values()] == [0] * len(NAMES)
    return found


@pytest.fixture(scope="module")
def service(folders: dict[str, Path]) -> Iterator[Service]:
    with running(folders["detr"].parent / "models") as service:
        yield service


def pictures() -> list[bytes]:
    """Photos that no import has seen, of several sizes, and one on its side."""
    *_, photo, other = scikit_photos().values()
    files = []
    for content in (photo, other):
        for size in SIZES:
            file = BytesIO()
            ImageOps.fit(Image.open(BytesIO(content)).convert("RGB"), size).save(file, "JPEG")
            files.append(file.getvalue())
    return [*files, next(one for name, one in compared_photos().items() if "on its side" in name)]


def pipeline(task: Any, folder: Path) -> Any:
    Processor = {"detr": "DetrImageProcessorPil", "rt-detr": "RTDetrImageProcessorPil"}.get(
        folder.name, "SegformerImageProcessorPil"
    )
    processor = getattr(transformers, Processor).from_pretrained(folder)
    return transformers.pipeline(task, model=str(folder), image_processor=processor)


@pytest.mark.parametrize("name", ["detr", "rt-detr"])
def test_the_client_gets_the_boxes_of_the_pipeline_in_company(
    name: str, service: Service, folders: dict[str, Path]
) -> None:
    client, sent = InferenceClient(model=f"{service.url}/hf/models/{name}"), pictures()
    with ThreadPoolExecutor(len(sent)) as threads:
        answers = list(threads.map(lambda one: client.object_detection(one, threshold=0.0), sent))
    asked = pipeline("object-detection", folders[name])
    for picture, answer in zip(sent, answers, strict=True):
        expected = asked(Image.open(BytesIO(picture)), threshold=0.0)
        told = [
            {"label": one.label, "score": one.score, "box": {side: one.box[side] for side in expected[0]["box"]}}
            for one in answer
        ]
        assert detection_fault(expected, {"detections": told}) is None
        assert [one["score"] for one in told] == sorted((one["score"] for one in told), reverse=True)
    assert len({str(one.box) for answer in answers for one in answer}) > len(sent)
    assert len({answer[0].score for answer in answers}) > len(SIZES)


def test_the_client_gets_the_masks_of_the_pipeline_in_company(service: Service, folders: dict[str, Path]) -> None:
    client, sent = InferenceClient(model=f"{service.url}/hf/models/segformer"), pictures()
    with ThreadPoolExecutor(len(sent)) as threads:
        answers = list(threads.map(client.image_segmentation, sent))
    asked = pipeline("image-segmentation", folders["segformer"])
    for picture, answer in zip(sent, answers, strict=True):
        expected = {one["label"]: np.asarray(one["mask"]) for one in asked(Image.open(BytesIO(picture)))}
        found = {one.label: np.asarray(one.mask) for one in answer}
        sizes = {mask.shape for mask in (*expected.values(), *found.values())}
        assert len(sizes) == 1
        other = sum(int((found.get(label, 0) != expected.get(label, 0)).sum()) for label in expected | found)
        assert other <= 2e-3 * np.prod(sizes.pop())
        assert all(one.score is None for one in answer)
    assert len({one.label for answer in answers for one in answer}) > 1


def test_the_manifest_says_how_pictures_are_read_and_how_it_was_compared(folders: dict[str, Path]) -> None:
    models = ModelRepository(folders["detr"].parent / "models")
    found = {name: models.read(name, 1) for name in NAMES}
    assert all(manifest.config["labels"] == list(LABELS) for manifest in found.values())
    functions = {name: manifest.config.get("function_to_apply") for name, manifest in found.items()}
    assert functions == {"detr": "softmax", "rt-detr": "sigmoid", "segformer": None}
    assert found["rt-detr"].config["most"] == 12
    assert [manifest.config["least_side"] for manifest in found.values()] == [32, 1, 1]
    assert found["detr"].config["pixels"]["resize"]["longest_edge"] == 96
    assert all(manifest.batching.max_batch_size > 1 for manifest in found.values())
    assert {manifest.metrics[0].name for manifest in found.values()} == {"answers_as_transformers"}
    assert [spec.shape for spec in found["detr"].inputs] == [(-1, -1, -1, 3)]
    assert [spec.shape for spec in found["rt-detr"].inputs] == [(-1, 64, 96, 3)]


@pytest.mark.parametrize(
    "stated", [{"use_timm_backbone": True}, {"backbone_config": {"model_type": "timm_backbone"}}], ids=["old", "new"]
)
def test_a_backbone_of_timm_is_refused_where_timm_is_not_installed(
    stated: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_with(tmp_path / "detr", detr(), transformers.DetrImageProcessorPil())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **stated}))
    assert imported(folder) == 1
    assert "timm, which is not installed here" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_a_detection_that_is_missing_moved_or_surer_is_a_fault() -> None:
    box = {"xmin": 1, "ymin": 2, "xmax": 30, "ymax": 40}
    one = {"label": "cat", "score": 0.5, "box": box}
    assert detection_fault([one], {"detections": [{**one, "score": 0.50005}]}) is None
    assert detection_fault([one], {"detections": [{**one, "box": {**box, "xmax": 31}}]}) is None
    for other in (
        [],
        [one, one],
        [{**one, "label": "dog"}],
        [{**one, "score": 0.5003}],
        [{**one, "box": {**box, "xmin": 3}}],
        [{**one, "box": {side: pixel + 1 for side, pixel in box.items()}}],
    ):
        assert detection_fault([one], {"detections": other}) is not None


def test_a_mask_that_is_missing_or_elsewhere_is_a_fault() -> None:
    sky = np.zeros((40, 60), np.uint8)
    sky[:20] = 255
    known = [{"label": "sky", "mask": Image.fromarray(sky)}, {"label": "sea", "mask": Image.fromarray(255 - sky)}]
    assert segmentation_fault(known, answer_of(known)) is None
    tie = sky.copy()
    tie[19, :2] = 0
    assert segmentation_fault(known, answer_of([{"label": "sky", "mask": Image.fromarray(tie)}, known[1]])) is None
    assert "of 2400 pixels" in str(segmentation_fault(known, answer_of(known[:1])))


def answer_of(masks: list[dict[str, Any]]) -> dict[str, Any]:
    regions = []
    for one in masks:
        file = BytesIO()
        one["mask"].save(file, "PNG")
        regions.append({"label": one["label"], "mask": to_base64(file.getvalue())})
    return {"width": 60, "height": 40, "regions": regions}
