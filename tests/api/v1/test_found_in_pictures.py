"""Detectors and segmenters over HTTP: answers, what is refused, and what the document says of them."""

import base64
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from whole_pictures import BOXES, COLOURS, DETECTOR, LOGITS, SEGMENTER, TOLD, served_pictures

from app.tasks.image_input import CAT

FIND, TELL = (f"/v1/models/{name}/predict" for name in (DETECTOR, SEGMENTER))
HF_FIND, HF_TELL = (f"/hf/models/{name}" for name in (DETECTOR, SEGMENTER))
JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with served_pictures(tmp_path_factory.mktemp("pictures")) as client:
        yield client


def picture(width: int, height: int, colour: str = "white", kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, kind)
    return file.getvalue()


def score(thing: int, box: int, brightness: float = 0.0) -> float:
    return float(1 / (1 + np.exp(-LOGITS[box][thing] - (TOLD * brightness if thing == 0 else 0))))


def test_things_are_found_in_pixels_of_the_picture_that_was_sent(client: TestClient) -> None:
    output = client.post(FIND, content=picture(400, 200, "black"), headers=JPEG).json()["outputs"][0]
    assert (output["width"], output["height"]) == (400, 200)
    found = [(one["label"], round(one["score"], 6), one["box"]) for one in output["detections"]]
    assert found[:2] == [
        ("cat", round(score(0, 0), 6), {"xmin": 100, "ymin": 25, "xmax": 300, "ymax": 175}),
        ("rocket", round(score(2, 2), 6), {"xmin": 260, "ymin": 130, "xmax": 340, "ymax": 190}),
    ]
    assert all(one["score"] > 0.5 for one in output["detections"])


def test_answers_do_not_depend_on_what_else_is_asked(client: TestClient) -> None:
    sizes = [(400, 200), (200, 400), (96, 64), (400, 200), (3000, 400)] * 4
    shades = ["black", "gray", "white", "navy", "gold"]
    pictures = [picture(*size, shades[i % 4]) for i, size in enumerate(sizes)]
    alone = [client.post(FIND, content=one, headers=JPEG).json() for one in pictures]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda one: client.post(FIND, content=one, headers=JPEG).json(), pictures))
    assert together == alone
    assert len({json.dumps(one) for one in alone}) > 10


@pytest.mark.parametrize("threshold", [0, 0.9, 1])
def test_the_threshold_is_a_parameter_in_the_query_in_json_and_in_the_hugging_face_dialect(
    client: TestClient, threshold: float
) -> None:
    raw = client.post(f"{FIND}?threshold={threshold}", content=CAT, headers=JPEG).json()["outputs"][0]
    body = {"inputs": [base64.b64encode(CAT).decode()], "parameters": {"threshold": threshold}}
    assert client.post(FIND, json=body).json()["outputs"][0] == raw
    assert client.post(HF_FIND, json={**body, "inputs": body["inputs"][0]}).json() == raw["detections"]
    assert len(raw["detections"]) == {0: len(BOXES) * 3, 0.9: 2, 1: 0}[threshold]


def test_hugging_faces_client_gets_detections_alone(client: TestClient) -> None:
    found = client.post(HF_FIND, content=CAT).json()
    assert found[0].keys() == {"label", "score", "box"}
    assert client.post(HF_FIND, json={"inputs": [base64.b64encode(CAT).decode()] * 2}).json() == [found, found]


def test_each_class_has_a_mask_and_a_share(client: TestClient) -> None:
    sent = Image.new("RGB", (300, 200), "red")
    sent.paste("blue", (0, 0, 150, 200))
    file = io.BytesIO()
    sent.save(file, "PNG")
    output = client.post(TELL, content=file.getvalue(), headers=JPEG).json()["outputs"][0]
    assert (output["width"], output["height"]) == (300, 200)
    found = {one["label"]: one for one in output["regions"]}
    assert found["red"]["share"] == pytest.approx(0.5, abs=0.02)
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["blue"]["mask"]))))
    assert mask.shape == (200, 300)
    assert (mask[:, :140] == 255).all()
    assert not mask[:, 150:].any()
    told = client.post(HF_TELL, content=file.getvalue()).json()
    assert told == [{"score": None, "label": one["label"], "mask": one["mask"]} for one in output["regions"]]


def test_no_class_occurs_twice_and_all_pixels_have_one(client: TestClient) -> None:
    regions = client.post(TELL, content=CAT, headers=JPEG).json()["outputs"][0]["regions"]
    assert sum(one["share"] for one in regions) == pytest.approx(1)
    labels = [one["label"] for one in regions]
    assert len(labels) == len(set(labels)) > 1
    assert set(labels) <= set(COLOURS)


@pytest.mark.parametrize(
    ("path", "sent", "place", "words"),
    [
        (FIND, b"no picture", ["inputs", 0, "image"], "not an image we can read"),
        (FIND, b"", ["inputs", 0, "image"], "the image is empty"),
        (TELL, CAT[:900], ["inputs", 0, "image"], "truncated or damaged"),
        (f"{FIND}?threshold=7", CAT, ["parameters", "threshold"], "less than or equal to 1"),
        (f"{FIND}?treshold=.5", CAT, ["parameters", "treshold"], "Extra inputs"),
        (f"{TELL}?threshold=.5", CAT, ["parameters", "threshold"], "Extra inputs"),
        (FIND, {}, ["inputs"], "Field required"),
        (f"{HF_FIND}?threshold=7", CAT, ["parameters", "threshold"], "less than or equal to 1"),
        (f"{HF_TELL}?subtask=panoptic", CAT, ["parameters", "subtask"], "cannot be told"),
        (f"{HF_TELL}?threshold=.9", CAT, ["parameters"], "threshold would have no effect here"),
        (FIND, picture(3000, 100), ["inputs", 0, "image"], "each side must have at least 8"),
        (TELL, picture(6000, 4001), ["inputs", 0, "image"], "at most 24,000,000"),
    ],
)
def test_bad_input_is_refused_with_its_place(
    client: TestClient, path: str, sent: bytes | dict[str, Any], place: list[Any], words: str
) -> None:
    reply = client.post(path, content=sent, headers=JPEG) if isinstance(sent, bytes) else client.post(path, json=sent)
    assert reply.status_code == 422, reply.text
    found = reply.json().get("details") or [{"loc": place, "msg": reply.json()["error"]}]
    assert (found[0]["loc"], words in found[0]["msg"]) == (place, True), found


def test_a_long_strip_is_answered_in_its_own_size(client: TestClient) -> None:
    strip = picture(100_000, 60, "blue")
    (region,) = client.post(TELL, content=strip, headers=JPEG).json()["outputs"][0]["regions"]
    assert (region["label"], region["share"]) == ("blue", 1)
    assert Image.open(io.BytesIO(base64.b64decode(region["mask"]))).size == (100_000, 60)


@pytest.mark.parametrize("path", [FIND, TELL, HF_FIND, HF_TELL])
def test_the_document_describes_questions_and_answers(client: TestClient, path: str) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"][path]["post"]
    content = operation["requestBody"]["content"]
    assert "application/octet-stream" in content or "image/*" in content
    reply = client.post(path, json=content["application/json"]["example"])
    assert reply.status_code == 200, reply.text
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(reply.json(), {**schema, "components": document["components"]})


def test_tensors_are_asked_for_as_of_any_model(client: TestClient) -> None:
    pixels = np.zeros((2, 64, 96, 3), np.uint8)
    tensor = {"name": "image", "datatype": "UINT8", "shape": list(pixels.shape), "data": pixels.ravel().tolist()}
    found = client.post(f"/v2/models/{DETECTOR}/infer", json={"inputs": [tensor]}).json()["outputs"]
    assert {one["name"]: one["shape"] for one in found} == {"logits": [2, 4, 3], "boxes": [2, 4, 4]}


def test_tensors_of_pictures_are_as_bounded_as_pictures(client: TestClient) -> None:
    for shape, words in (
        ((1, 4, 4, 3), "each side must have at least 8 then"),
        ((1, 64, 70_000, 3), "4,194,304 pixels"),
    ):
        pixels = np.zeros(shape, np.uint8).tobytes()
        tensor = {"name": "image", "datatype": "UINT8", "shape": shape, "parameters": {"binary_data_size": len(pixels)}}
        head = json.dumps({"inputs": [tensor]}).encode()
        headers = {"Inference-Header-Content-Length": str(len(head))}
        reply = client.post(f"/v2/models/{DETECTOR}/infer", content=head + pixels, headers=headers)
        assert (reply.status_code, words in reply.json()["error"]) == (400, True), reply.text
