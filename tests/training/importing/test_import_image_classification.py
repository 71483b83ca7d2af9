"""Imported classifiers of images: of every architecture, in company over HTTP, beside transformers."""

import base64
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from importing_models import imported, served
from PIL import Image
from safetensors.torch import load_file, save_file
from starlette.testclient import TestClient
from table_models import serving
from tiny_vision import CONFIGS, LABELS, save_classifier
from transformers import AutoImageProcessor, AutoModelForImageClassification, pipeline

from app.repository.repository import ModelRepository
from app.tasks.file_bytes import to_base64
from app.tasks.view import predict_json
from training.data.photos import thumbnail
from training.errors import TrainingError
from training.importing.image_classification import is_one_of_many_in, label_fault, labels_of
from training.importing.image_processor import FILE
from training.importing.photos import compared_photos

PHOTOS = compared_photos()
JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All architectures, imported into `models`."""
    folder = tmp_path_factory.mktemp("vision")
    for name in CONFIGS:
        assert imported(save_classifier(folder / slug(name), name)) == 0
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    with serving(folder / "models", max_items=16) as client:
        yield client


def slug(name: str) -> str:
    return name.replace("_", "-")


def of_transformers(folder: Path, photos: Mapping[str, bytes]) -> list[dict[str, float]]:
    """The scores of each photo, by label."""
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    ask: Any = pipeline(
        "image-classification",
        model=AutoModelForImageClassification.from_pretrained(folder),
        image_processor=processor,
    )
    answers = [ask(Image.open(BytesIO(photo)), top_k=len(LABELS)) for photo in photos.values()]
    return [{one["label"]: one["score"] for one in answer} for answer in answers]


def scores(output: list[dict[str, Any]]) -> dict[str, float]:
    assert [one["score"] for one in output] == sorted((one["score"] for one in output), reverse=True)
    return {one["label"]: one["score"] for one in output}


@pytest.mark.parametrize("name", CONFIGS)
def test_many_at_once_are_answered_as_by_the_pipeline(client: TestClient, folder: Path, name: str) -> None:
    expected = of_transformers(folder / slug(name), PHOTOS)
    url = f"/v1/models/{slug(name)}/predict"
    alone = [client.post(url, content=photo, headers=JPEG).json()["outputs"][0] for photo in PHOTOS.values()]
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda photo: client.post(url, content=photo, headers=JPEG), PHOTOS.values()))
    together = [reply.json()["outputs"][0] for reply in replies]
    for one, other, known in zip(alone, together, expected, strict=True):
        assert scores(one) == pytest.approx(known, abs=1e-4)
        assert scores(other) == pytest.approx(known, abs=1e-4)
    assert len({round(known["cat"], 2) for known in expected}) > 4  # photos are told apart


def test_the_version_tells_what_it_was_and_what_was_compared(client: TestClient, folder: Path) -> None:
    manifest = ModelRepository(folder / "models").read("resnet", 1)
    assert manifest.task == "image-classification"
    assert manifest.config == {
        "labels": "labels.json",
        "pixels": {"resize": {"filter": "bicubic", "shortest_edge": 36}, "crop": [32, 32]},
    }
    assert manifest.batching.max_batch_size > 1
    assert len(manifest.golden) == 4
    (metric,) = manifest.metrics
    assert (metric.name, metric.value, f"{len(PHOTOS)} photos" in metric.split) == ("answers_as_transformers", 1, True)
    assert "ResNetForImageClassification" in manifest.provenance.notes
    assert manifest.inputs[0].shape == (-1, 32, 32, 3)


def test_other_dialects_and_reasons_are_there_too(client: TestClient) -> None:
    photo = thumbnail(PHOTOS["cat"])
    own = client.post("/v1/models/vit/predict", content=photo, headers=JPEG).json()["outputs"][0]
    found = client.post("/hf/models/vit", content=photo, headers=JPEG).json()
    assert found == own
    reasons = client.post("/v1/models/vit/explain", content=photo, headers=JPEG).json()["outputs"][0]
    assert reasons["score"] == pytest.approx(own[0]["score"], abs=1e-6)
    assert Image.open(BytesIO(base64.b64decode(reasons["overlay"]))).size == (224, 224)


def test_several_labels_have_scores_of_their_own(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "several", "vit", problem_type="multi_label_classification")
    view, sessions = served(folder)
    ((known),) = of_transformers(folder, {"cat": PHOTOS["cat"]})
    found = scores(predict_json(view, sessions, {"image": to_base64(PHOTOS["cat"])}, {}))
    assert found == pytest.approx(known, abs=1e-4)
    assert abs(sum(found.values()) - 1) > 0.01


def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert imported(folder) == 1
    assert not list((folder.parent / "models").glob("*/*"))
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("error: ")
    return last


def amend(path: Path, **values: Any) -> None:
    settings = json.loads(path.read_text()) | values
    path.write_text(json.dumps({name: value for name, value in settings.items() if value is not None}))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = save_classifier(tmp_path_factory.mktemp("kept") / "vit", "vit")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def mine(tmp_path: Path, kept: dict[str, bytes]) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    return folder


def test_a_folder_must_tell_how_pictures_are_prepared(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mine / FILE).rename(mine / "kept")
    assert refused(mine, capsys).endswith(f"has no {FILE}, so nothing tells how pictures are prepared")
    (mine / FILE).write_text(json.dumps({"image_processor_type": "OwnImageProcessor"}))
    assert f"{FILE} names OwnImageProcessor; what can be imported is ViTImageProcessor" in refused(mine, capsys)
    (mine / FILE).write_text(json.dumps({"image_processor_type": "CLIPImageProcessor", "do_center_crop": False}))
    assert "pictures of all sizes come out of" in refused(mine, capsys)


def test_a_folder_must_hold_weights(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = load_file(mine / "model.safetensors")
    save_file({name: one for name, one in weights.items() if "classifier" not in name}, mine / "model.safetensors")
    assert "lacks weights of ViTForImageClassification, such as classifier.bias" in refused(mine, capsys)
    (mine / "model.safetensors").unlink()
    assert refused(mine, capsys).endswith("has no *.safetensors")


def test_labels_must_be_as_many_as_the_network_has(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    amend(mine / "config.json", id2label={"0": "cat", "1": "dog"}, label2id={"cat": 0, "dog": 1})
    told = refused(mine, capsys)
    assert told.endswith("has classifier.bias of [5] numbers, and config.json asks for [2] for its 2 labels")
    amend(mine / "config.json", id2label=None, label2id=None)
    assert "config.json has no id2label, so nothing tells what the classes are called" in refused(mine, capsys)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({}, "has no id2label"),
        ({"id2label": {}}, "has no id2label"),
        ({"id2label": {"0": "a", "2": "b"}}, "has 2 labels, and none of them is number 1"),
        ({"id2label": {"0": "a"}}, "has one label, and a classifier of images has two at least"),
    ],
)
def test_labels_that_name_no_classes_are_refused(stated: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        labels_of(stated)


def test_numbers_are_no_labels() -> None:
    with pytest.raises(TrainingError, match=r"problem_type in config\.json is regression"):
        is_one_of_many_in({"problem_type": "regression"})


def test_a_network_that_reads_other_sizes_is_refused(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    amend(mine / FILE, size={"height": 40, "width": 40})
    assert "transformers itself cannot compute it: Input image size (40*40) doesn't match" in refused(mine, capsys)


def test_labels_are_compared_by_scores_whose_order_rounding_may_change() -> None:
    known = [{"label": "a", "score": 0.5}, {"label": "b", "score": 0.25}, {"label": "b", "score": 0.24995}]
    assert label_fault(known, [known[0], known[2]]) is None
    assert "the answer.0 is" in str(label_fault(known, [{"label": "b", "score": 0.5}]))
    assert "the answer.1 is" in str(label_fault(known, [known[0], {"label": "b", "score": 0.2}]))
    assert "the answer.0 is" in str(label_fault(known, [{"label": "a", "score": float("nan")}]))
