"""Explanations through the real application, over tiny models whose reasons are known."""

from io import BytesIO

import jsonschema
import pytest
from conftest import publish_sentiment
from graphs import doubled_and_summed, publish_brightness
from PIL import Image

from app.adding.command import add_model

EXPLAIN = "/v1/models/tiny-sentiment/explain"


def red_and_blue() -> bytes:
    """A PNG, red on the left and blue on the right."""
    file = BytesIO()
    picture = Image.new("RGB", (32, 32), "red")
    picture.paste("blue", (16, 0, 32, 32))
    picture.save(file, "PNG")
    return file.getvalue()


def test_each_input_has_its_words_weighed_in_order(client):
    reply = client.post(EXPLAIN, json={"inputs": ["a good film", {"text": "bad"}]})
    assert reply.status_code == 200, reply.text
    body = reply.json()
    assert (body["model"], body["version"]) == ("tiny-sentiment", 1)
    first, second = body["outputs"]
    assert (first["label"], second["label"]) == ("positive", "negative")
    assert [word["text"] for word in first["words"]] == ["a", "good", "film"]
    weights = [word["weight"] for word in first["words"]]
    assert weights == pytest.approx([0, 2, 0], abs=1e-3)  # log-odds
    assert reply.headers["x-model-version"] == "1"
    assert "inference;dur=" in reply.headers["server-timing"]


def test_the_body_of_a_prediction_is_taken_as_it_is(client):
    body = {"inputs": ["a good film"], "parameters": {"top_k": 1, "truncate": True, "function_to_apply": "sigmoid"}}
    predicted = client.post("/v1/models/tiny-sentiment/predict", json=body).json()["outputs"][0][0]
    explained = client.post(EXPLAIN, json=body).json()["outputs"][0]
    assert (explained["label"], explained["score"]) == (predicted["label"], pytest.approx(predicted["score"]))


def test_a_version_may_be_asked_for(client):
    path = "/v1/models/tiny-sentiment/versions/1/explain"
    assert client.post(path, json={"inputs": ["good"]}).json()["version"] == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "error_type", "says"),
    [
        pytest.param(EXPLAIN, {"inputs": ["good", " "]}, 422, "InvalidInput", "inputs.1.text: the text is empty", id="empty text"),  # noqa: E501
        pytest.param(EXPLAIN, {"inputs": ["good"], "parameters": {"label": "joy"}}, 422, "InvalidInput", "parameters.label: no label 'joy'; there are: negative, positive", id="unknown label"),  # noqa: E501
        pytest.param(EXPLAIN, {"inputs": ["good"], "parameters": {"lable": "joy"}}, 422, "InvalidInput", "parameters.lable", id="unknown parameter"),  # noqa: E501
        pytest.param(EXPLAIN, {"inputs": ["good"] * 9}, 413, "PayloadTooLarge", "a request may have 8", id="too many"),
        pytest.param(EXPLAIN, {"inputs": ["good " * 40]}, 422, "InvalidInput", "inputs.0.text: the text has 40 tokens", id="too long"),  # noqa: E501
        pytest.param(EXPLAIN, b"{", 422, "InvalidInput", "not valid JSON", id="no JSON"),
        pytest.param("/v1/models/none/explain", {"inputs": ["good"]}, 404, "ModelNotFound", "tiny-sentiment", id="no such model"),  # noqa: E501
        pytest.param("/v1/models/tiny-sentiment/versions/7/explain", {"inputs": ["x"]}, 404, "ModelNotFound", "no version 7", id="no such version"),  # noqa: E501
    ],
)  # fmt: skip
def test_what_cannot_be_explained_is_refused_with_a_sentence(client, path, body, status, error_type, says):
    reply = client.post(path, content=body) if isinstance(body, bytes) else client.post(path, json=body)
    assert reply.status_code == status, reply.text
    assert reply.json()["error_type"] == error_type
    assert says in reply.json()["error"]


def test_a_deadline_that_cannot_be_kept_is_said(client):
    reply = client.post(EXPLAIN, json={"inputs": ["good film " * 8]}, headers={"X-Request-Timeout-Ms": "1"})
    assert reply.status_code in (429, 504), reply.text


def test_only_posts_are_answered(client):
    reply = client.get(EXPLAIN)
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


def test_the_body_has_the_limit_of_the_model(client):
    assert client.post(EXPLAIN, json={"inputs": ["good " * 30_000]}).status_code == 413


def test_an_operation_of_its_own_has_an_example_that_runs_as_it_stands(client):
    document = client.get("/openapi.json").json()
    operation = document["paths"][EXPLAIN]["post"]
    body = operation["requestBody"]["content"]["application/json"]
    jsonschema.validate(body["example"], {**body["schema"], "components": document["components"]})
    reply = client.post(EXPLAIN, json=body["example"])
    assert reply.status_code == 200, reply.text
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(reply.json(), {**answer, "components": document["components"]})
    assert {"404", "413", "422", "429", "500", "503", "504"} <= operation["responses"].keys()
    assert client.get("/v1/models/tiny-sentiment").json()["explain"] == EXPLAIN


def test_a_kind_of_model_that_explains_nothing_says_so_and_has_no_operation(client, models_dir, tmp_path):
    add_model(doubled_and_summed(tmp_path / "two.onnx"), "two", models_dir)
    assert client.post("/v1/models/two/load").status_code == 200
    reply = client.post("/v1/models/two/explain", json={"inputs": [{"x": [1, 2, 3]}]})
    assert reply.status_code == 422
    says = "two is a model for tensors, and this kind explains nothing; models that explain: tiny-sentiment"
    assert reply.json()["error"] == says
    assert "/v1/models/two/explain" not in client.get("/openapi.json").json()["paths"]
    assert client.get("/v1/models/two").json()["explain"] is None


def test_pictures_come_in_every_form_in_which_a_prediction_takes_them(client, models_dir, tmp_path):
    publish_brightness(models_dir, tmp_path)
    assert client.post("/v1/models/brightness/load").status_code == 200
    path, content = "/v1/models/brightness/explain", red_and_blue()
    raw = client.post(f"{path}?top_k=2&label=blue", content=content, headers={"Content-Type": "image/png"})
    form = client.post(path, files=[("file", content)], data={"label": "blue"})
    assert raw.status_code == form.status_code == 200, raw.text + form.text
    assert raw.json() == form.json()
    assert raw.json()["outputs"][0]["label"] == "blue"
    bad = client.post(path, content=b"no picture", headers={"Content-Type": "image/png"})
    assert (bad.status_code, "inputs.0.image: not an image" in bad.json()["error"]) == (422, True)
    many = client.post(path, files=[("file", content)] * 5)
    assert (many.status_code, many.json()["error"]) == (413, "5 inputs; a request may have 4")


def test_a_model_that_is_loaded_later_is_explained(client, models_dir, tmp_path):
    publish_sentiment(models_dir, tmp_path / "other", name="other")
    assert client.post("/v1/models/other/load").status_code == 200
    assert client.post("/v1/models/other/explain", json={"inputs": ["good"]}).status_code == 200
