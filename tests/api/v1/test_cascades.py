"""A cascade over HTTP: asked as its last step is, and each answer says which step gave it."""

from pathlib import Path

import pytest
from cascades import SURE, UNSURE, publish_cascade, publish_models
from starlette.testclient import TestClient

from app.repository.manifest import Golden
from tessera_client import classify_texts

PREDICT = "/v1/models/mood/predict"


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    publish_models(root, tmp_path)
    golden = Golden(input={"text": SURE}, parameters={"top_k": 1}, output=[{"label": "positive", "score": 0.997527}])
    publish_cascade(root, description="What mood a text is in.", golden=(golden,))
    return root


def test_each_output_and_a_header_say_which_step_gave_it(client: TestClient) -> None:
    answer = client.post(PREDICT, json={"inputs": [SURE, UNSURE, SURE], "parameters": {"top_k": 1}})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert list(body) == ["model", "version", "outputs", "answered_by"]
    assert (body["model"], body["version"]) == ("mood", 1)
    assert [output[0]["label"] for output in body["outputs"]] == ["positive", "negative", "positive"]
    assert body["answered_by"] == ["small", "large", "small"]
    assert answer.headers["x-answered-by"] == "small;items=2, large;items=1"
    stages = [each.split(";")[0] for each in answer.headers["server-timing"].split(", ")]
    assert stages == ["preprocess", "queue", "batch", "inference", "postprocess", "small", "large"]


def test_other_models_have_neither(client: TestClient) -> None:
    answer = client.post("/v1/models/mood-small/predict", json={"inputs": [SURE]})
    assert list(answer.json()) == ["model", "version", "outputs"]
    assert "x-answered-by" not in answer.headers


def test_a_fault_is_told_by_the_place_that_the_caller_gave_the_item(client: TestClient) -> None:
    answer = client.post(PREDICT, json={"inputs": [SURE, UNSURE, " film" * 99]})
    assert answer.status_code == 422
    assert answer.json()["details"][0]["loc"] == ["inputs", 2, "text"]
    answer = client.post(PREDICT, json={"inputs": [SURE] * 9})
    assert answer.status_code == 413


def test_other_dialects_say_it_in_the_header(client: TestClient) -> None:
    answer = client.post("/hf/models/mood", json={"inputs": [UNSURE, SURE]})
    assert [output[0]["label"] for output in answer.json()] == ["negative", "positive"]
    assert answer.headers["x-answered-by"] == "large;items=1, small;items=1"
    tensors = [
        {"name": name, "datatype": "INT64", "shape": [1, 2], "data": data}
        for name, data in (("input_ids", [2, 4]), ("attention_mask", [1, 1]))
    ]
    answer = client.post("/v2/models/mood/infer", json={"inputs": tensors})
    assert answer.headers["x-answered-by"] == "large;items=1"
    assert answer.json()["parameters"] == {"answered_by": "large"}
    assert answer.json()["outputs"][0]["data"] == [0, -4]
    expected = client.post("/v2/models/mood-large/infer", json={"inputs": tensors}).json()
    assert answer.json()["outputs"] == expected["outputs"]
    assert "parameters" not in expected


def test_reasons_are_those_of_the_last_step(client: TestClient) -> None:
    answer = client.post("/v1/models/mood/explain", json={"inputs": [SURE]})
    assert answer.json()["answered_by"] == ["large"]
    expected = client.post("/v1/models/mood-large/explain", json={"inputs": [SURE]}).json()
    assert answer.json()["outputs"] == expected["outputs"]


def test_its_operation_is_that_of_the_task_and_has_the_names_of_steps(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"][PREDICT]["post"]
    assert operation["summary"] == "mood: text-classification"
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert schema == "TextClassificationCascadeResponse"
    assert document["components"]["schemas"][schema]["required"] == ["model", "version", "outputs", "answered_by"]
    of_small = document["paths"]["/v1/models/mood-small/predict"]["post"]["responses"]["200"]
    schema = of_small["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert schema == "TextClassificationResponse"
    example = operation["requestBody"]["content"]["application/json"]["example"]
    assert client.post(PREDICT, json=example).json()["answered_by"] == ["small"]
    paths = {path for path in document["paths"] if "/mood/" in path or path.endswith("/mood")}
    assert paths == {PREDICT, "/v1/models/mood/explain", "/hf/models/mood", "/v2/models/mood/infer"}


def test_it_is_listed_and_its_card_has_its_steps(client: TestClient) -> None:
    (found,) = [one for one in client.get("/v1/models").json()["models"] if one["name"] == "mood"]
    assert (found["task"], found["state"], found["explain"]) == (
        "text-classification", "ready", "/v1/models/mood/explain",
    )  # fmt: skip
    card = client.get("/v1/models/mood").json()
    assert (card["runtime"], card["tuning"]) == ("cascade", None)
    assert card["steps"] == [
        {"name": "small", "model": "mood-small", "version": 1, "enough": 0.95},
        {"name": "large", "model": "mood-large", "version": 1, "enough": None},
    ]
    assert client.get("/v2/models/mood").json()["platform"] == "ensemble"
    config = client.get("/v2/models/mood/config").json()
    assert [one["name"] for one in config["input"]] == ["input_ids", "attention_mask"]


def test_the_client_reads_which_step_answered(client: TestClient) -> None:
    call = classify_texts("mood", [SURE, UNSURE])
    assert call.read(client.request(call.method, call.path, **call.sent)).answered_by == ["small", "large"]
    alone = classify_texts("mood-small", [SURE])
    assert call.read(client.request(alone.method, alone.path, **alone.sent)).answered_by == []


def test_an_answer_is_no_stream(client: TestClient) -> None:
    refused = client.post(PREDICT, json={"inputs": [SURE], "stream": True})
    assert refused.status_code == 422
    assert "comes as a whole" in refused.text


def test_a_step_that_is_gone_makes_it_not_ready_and_is_named(client: TestClient) -> None:
    assert client.post("/v2/repository/models/mood-large/unload").status_code == 200
    answer = client.post(PREDICT, json={"inputs": [UNSURE]})
    assert answer.status_code == 503
    assert "step large: model mood-large version 1 is unloaded" in answer.text
    assert client.post(PREDICT, json={"inputs": [SURE]}).status_code == 200
    assert client.get("/v2/models/mood/ready").status_code == 400
