"""A pipeline over HTTP: asked as any other model is."""

from pathlib import Path

import pytest
from graphs import publish_brightness, publish_features, publish_head
from starlette.testclient import TestClient

from app.repository.pipeline import PipelineManifest, Step
from app.repository.publish import publish
from app.tasks.explanations.image import ImageExplanation
from app.tasks.image_input import CAT

STEPS = (
    Step(name="sees", model="photo-features", version=1, task="image-feature-extraction"),
    Step(name="says", model="head", version=1, task="tensors", inputs={"features": "sees"}),
)

REASONS = (
    STEPS[0],
    Step(
        name="why", model="brightness", version=1, task="image-classification", view="explanation",
        inputs={"image": "input.image"},
    ),
)  # fmt: skip


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    publish_features(root, tmp_path)
    publish_head(root, tmp_path)
    publish(root, "quality", {}, kind=PipelineManifest, steps=STEPS, description="How red and green a photo is.")
    publish_brightness(root, tmp_path)
    publish(root, "reasons", {}, kind=PipelineManifest, steps=REASONS)
    return root


def test_a_photo_goes_through_both_steps_and_each_says_what_it_took(client: TestClient) -> None:
    answer = client.post("/v1/models/quality/predict", content=CAT, headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 200
    assert answer.json()["model"] == "quality"
    (red, green) = answer.json()["outputs"][0]["scores"]
    assert 0 < green < red < 255
    stages = [each.split(";")[0] for each in answer.headers["server-timing"].split(", ")]
    assert stages == ["preprocess", "queue", "batch", "inference", "postprocess", "sees", "says"]
    files = [("file", CAT)] * 3
    assert len(client.post("/v1/models/quality/predict", files=files).json()["outputs"]) == 3


def test_its_operation_is_that_of_the_first_and_the_last_step(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/v1/models/quality/predict"]["post"]
    assert operation["summary"] == "quality: pipeline"
    assert "multipart/form-data" in operation["requestBody"]["content"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    assert client.post("/v1/models/quality/predict", json=example).status_code == 200
    assert not [path for path in document["paths"] if "quality" in path and path != "/v1/models/quality/predict"]


def test_it_takes_as_many_items_as_each_of_its_steps_takes(client: TestClient) -> None:
    path = "/v1/models/reasons/predict"
    most = ImageExplanation.contract.max_items
    assert most is not None
    assert client.post(path, files=[("file", CAT)] * most).status_code == 200
    refused = client.post(path, files=[("file", CAT)] * (most + 1))
    assert refused.status_code == 413
    assert f"a request may have {most}" in refused.text
    document = client.get("/openapi.json").json()
    schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert document["components"]["schemas"][schema.rpartition("/")[2]]["properties"]["inputs"]["maxItems"] == most


def test_it_is_listed_and_has_a_card(client: TestClient) -> None:
    (found,) = [one for one in client.get("/v1/models").json()["models"] if one["name"] == "quality"]
    assert (found["task"], found["state"], found["explain"]) == ("pipeline", "ready", None)
    card = client.get("/v1/models/quality").json()
    assert card["description"] == "How red and green a photo is."
    assert [step["model"] for step in card["steps"]] == ["photo-features", "head"]
    assert client.get("/v2/models/quality").json()["platform"] == "ensemble"
    assert client.get("/v2/models/quality/config").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/v1/models/quality/predict", {"inputs": ["bm8gcGljdHVyZQ=="]}, 422, "not an image"),
        ("/v1/models/quality/predict", {"inputs": [{}], "parameters": {"top_k": 1}}, 422, "top_k"),
        ("/v1/models/quality/explain", {"inputs": [{}]}, 422, "explains nothing"),
        ("/hf/models/quality", {"inputs": ""}, 422, "no form"),
        ("/v2/models/quality/infer", {"inputs": []}, 400, "has no tensors"),
    ],
)  # fmt: skip
def test_what_it_does_not_answer_is_refused_with_the_reason(client: TestClient, path, body, status, says) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert says in answer.text
