# ruff: noqa: E501  (a table reads better in one line a case)
import gc
import json
import re

import pytest
from conftest import POSITIVE, publish_sentiment
from waiting import eventually

PREDICT = "/v1/models/tiny-sentiment/predict"


def test_every_input_is_answered_in_order(client):
    reply = client.post(PREDICT, json={"inputs": [{"text": "a good film"}, {"text": "a bad film"}]})
    assert reply.status_code == 200, reply.text
    body = reply.json()
    assert (body["model"], body["version"]) == ("tiny-sentiment", 1)
    assert [output[0]["label"] for output in body["outputs"]] == ["positive", "negative"]
    assert body["outputs"][0][0]["score"] == pytest.approx(POSITIVE[0]["score"], abs=1e-5)


def test_the_first_field_of_an_item_may_be_given_bare(client):
    bare = client.post(PREDICT, json={"inputs": ["a good film"]}).json()
    assert bare == client.post(PREDICT, json={"inputs": [{"text": "a good film"}]}).json()


def test_parameters_hold_for_every_item(client):
    reply = client.post(PREDICT, json={"inputs": ["good", "bad"], "parameters": {"top_k": 1}})
    assert [len(output) for output in reply.json()["outputs"]] == [1, 1]


def test_an_answer_says_which_version_gave_it_and_where_the_time_went(client):
    reply = client.post(PREDICT, json={"inputs": ["good"]})
    assert reply.headers["x-model-version"] == "1"
    timing = reply.headers["server-timing"]
    assert re.fullmatch(
        r'preprocess;dur=[\d.]+, queue;dur=[\d.]+, batch;desc="1x1", inference;dur=[\d.]+, postprocess;dur=[\d.]+',
        timing,
    )


def test_a_version_can_be_asked_for(client):
    assert client.post("/v1/models/tiny-sentiment/versions/1/predict", json={"inputs": ["good"]}).status_code == 200


LONG = "good " * 40

REFUSALS = [
    pytest.param("/v1/models/none/predict", {"inputs": ["x"]}, 404, "ModelNotFound", "tiny-sentiment", id="unknown model"),
    pytest.param("/v1/models/tiny-sentiment/versions/7/predict", {"inputs": ["x"]}, 404, "ModelNotFound", "no version 7", id="unknown version"),
    pytest.param("/v1/models/tiny-sentiment/versions/x/predict", {"inputs": ["x"]}, 422, "InvalidInput", "version", id="version is no number"),
    pytest.param(PREDICT, b"{not json", 422, "InvalidInput", "not valid JSON", id="invalid json"),
    pytest.param(PREDICT, b"", 422, "InvalidInput", "not valid JSON", id="empty body"),
    pytest.param(PREDICT, b"[1]", 422, "InvalidInput", "object", id="body is a list"),
    pytest.param(PREDICT, {}, 422, "InvalidInput", "inputs: Field required", id="no inputs"),
    pytest.param(PREDICT, {"inputs": []}, 422, "InvalidInput", "at least 1", id="empty inputs"),
    pytest.param(PREDICT, {"inputs": "good"}, 422, "InvalidInput", "inputs: ", id="inputs is no list"),
    pytest.param(PREDICT, {"inputs": ["good", {"text": 7}]}, 422, "InvalidInput", "inputs.1.text", id="wrong type"),
    pytest.param(PREDICT, {"inputs": [{"txt": "good"}]}, 422, "InvalidInput", "inputs.0", id="wrong field"),
    pytest.param(PREDICT, {"inputs": ["good"], "paramters": {}}, 422, "InvalidInput", "paramters", id="unknown key"),
    pytest.param(PREDICT, {"inputs": ["good"], "parameters": {"topk": 1}}, 422, "InvalidInput", "parameters.topk", id="unknown parameter"),
    pytest.param(PREDICT, {"inputs": ["good"], "parameters": {"top_k": 0}}, 422, "InvalidInput", "parameters.top_k", id="parameter out of range"),
    pytest.param(PREDICT + "?top_k=1", {"inputs": ["good"]}, 422, "InvalidInput", "belong in its body: top_k", id="parameters in the query"),
    pytest.param(PREDICT, {"inputs": ["good", "  "]}, 422, "InvalidInput", "inputs.1.text: the text is empty", id="empty text"),
    pytest.param(PREDICT, {"inputs": ["good", LONG]}, 422, "InvalidInput", "has 40 tokens and the model reads at most 16", id="too long a text"),
    pytest.param(PREDICT, {"inputs": ["good"] * 9}, 413, "PayloadTooLarge", "more than 8 inputs", id="too many inputs"),
    pytest.param(PREDICT, {"inputs": ["x" * 200_000]}, 413, "PayloadTooLarge", "100000 bytes", id="body too large"),
    pytest.param("/v1/models/tiny-sentiment/predict/", {}, 404, "NotFound", "predict/", id="slash too many"),
    pytest.param("/nothing/here", {}, 404, "NotFound", "/nothing/here", id="unknown path"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status", "error_type", "says"), REFUSALS)
def test_every_refusal_has_its_status_and_says_what_is_wrong(client, path, body, status, error_type, says):
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    reply = client.post(path, **content)
    assert reply.status_code == status, reply.text
    envelope = reply.json()
    assert envelope.keys() - {"details"} == {"error", "error_type", "request_id"}
    assert envelope["error_type"] == error_type
    assert says in envelope["error"]
    assert envelope["request_id"] == reply.headers["x-request-id"]


def test_details_give_the_path_to_every_fault(client):
    details = client.post(PREDICT, json={"inputs": [{"text": 1}, "good", {"text": 2}]}).json()["details"]
    assert [detail["loc"] for detail in details] == [["inputs", 0, "text"], ["inputs", 2, "text"]]


def test_a_text_that_is_too_long_is_read_from_its_beginning_when_the_caller_allows_it(client):
    reply = client.post(PREDICT, json={"inputs": [LONG + "bad"], "parameters": {"truncate": True}})
    assert reply.json()["outputs"][0][0]["label"] == "positive"


def test_a_method_that_is_not_allowed_gets_the_same_envelope(client):
    reply = client.get(PREDICT)
    assert reply.status_code == 405
    assert reply.json()["error_type"] == "MethodNotAllowed"


def test_text_that_is_json_but_no_unicode_is_answered(client):
    reply = client.post(PREDICT, content=rb'{"inputs": ["good \ud83d film"]}')
    assert reply.status_code in (200, 422), reply.text


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "soon", "600001", "9" * 5000, "¼", "1_0"])
def test_a_deadline_that_is_no_number_of_milliseconds_is_refused(client, value):
    reply = client.post(PREDICT, json={"inputs": ["good"]}, headers={"X-Request-Timeout-Ms": value.encode()})
    assert reply.status_code == 422
    assert "X-Request-Timeout-Ms" in reply.json()["error"]


def test_a_request_id_is_kept_if_it_is_one_and_made_if_it_is_not(client):
    assert client.get("/v1/models", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert client.get("/v1/models", headers={"X-Request-Id": "a b\tc"}).headers["x-request-id"] != "a b\tc"


def test_the_list_names_every_model_and_its_versions(client):
    listed = client.get("/v1/models").json()
    (model,) = listed["models"]
    as_openai = {"id": "tiny-sentiment", "object": "model", "created": 0, "owned_by": "tessera"}
    assert (listed["object"], listed["data"]) == ("list", [as_openai])
    assert model == {
        **as_openai,
        "name": "tiny-sentiment",
        "task": "text-classification",
        "version": 1,
        "state": "ready",
        "description": "Counts good and bad words.",
        "predict": "/v1/models/tiny-sentiment/predict",
        "explain": "/v1/models/tiny-sentiment/explain",
        "versions": [{"version": 1, "state": "ready", "reason": ""}],
    }


def test_the_card_says_where_the_model_runs_and_why(client):
    card = client.get("/v1/models/tiny-sentiment").json()
    assert card["licence"] == "CC0-1.0"
    assert card["placements"]["model"]["device"] == "cpu"
    assert card["placements"]["model"]["reason"]
    assert [tensor["name"] for tensor in card["inputs"]] == ["input_ids", "attention_mask"]
    assert client.get("/v1/models/none").status_code == 404


def test_a_new_version_goes_live_when_it_is_asked_to_and_the_old_one_stays_within_reach(client, models_dir, tmp_path):
    publish_sentiment(models_dir, tmp_path / "2")
    reply = client.post("/v1/models/tiny-sentiment/load")
    assert reply.status_code == 200, reply.text
    assert reply.json()["version"] == 2
    assert client.post(PREDICT, json={"inputs": ["good"]}).json()["version"] == 2
    old = client.post("/v1/models/tiny-sentiment/versions/1/predict", json={"inputs": ["good"]})
    assert old.json()["version"] == 1


def test_a_damaged_version_is_refused_with_the_reason_and_the_old_one_goes_on(client, models_dir, tmp_path):
    publish_sentiment(models_dir, tmp_path / "2")
    graph = models_dir / "tiny-sentiment" / "2" / "model.onnx"
    content = bytearray(graph.read_bytes())
    content[100] ^= 1
    graph.write_bytes(content)
    reply = client.post("/v1/models/tiny-sentiment/load")
    assert reply.status_code == 409
    assert "model.onnx has sha256" in reply.json()["error"]
    assert "version 1 stays live" in reply.json()["error"]
    versions = client.get("/v1/models/tiny-sentiment").json()["versions"]
    assert [(one["version"], one["state"]) for one in versions] == [(2, "failed"), (1, "ready")]
    assert "sha256" in versions[0]["reason"]
    assert client.post(PREDICT, json={"inputs": ["good"]}).json()["version"] == 1
    refused = client.post("/v1/models/tiny-sentiment/versions/2/predict", json={"inputs": ["good"]})
    assert refused.status_code == 503
    assert "sha256" in refused.json()["error"]
    assert client.get("/health/ready").status_code == 200


def test_loading_an_unknown_model_is_an_error(client):
    assert client.post("/v1/models/none/load").status_code == 404


def test_metrics_count_requests_batches_and_states(client):
    client.post(PREDICT, json={"inputs": ["good", "bad"]})
    client.post("/v1/models/none/predict", json={"inputs": ["x"]})
    one = '{model="tiny-sentiment",version="1"}'
    eventually(lambda: f"tessera_batch_rows_sum{one} 2.0" in client.get("/metrics").text)  # replicas tell it later
    text = client.get("/metrics").text
    assert f"tessera_model_ready{one} 1.0" in text
    route = "/v1/models/{model}/predict"
    assert f'tessera_requests_total{{method="POST",route="{route}",status="200"}} 1.0' in text
    assert f'tessera_requests_total{{method="POST",route="{route}",status="404"}} 1.0' in text


def test_a_model_without_a_catalogue_says_that_it_has_none(client):
    reply = client.get("/v1/models/tiny-sentiment/items", params={"query": "good"})
    assert reply.status_code == 422
    assert reply.json()["error"] == "a model for text-classification has no items to list; only one that recommends has"
    assert client.get("/v1/models/none/items").json()["error_type"] == "ModelNotFound"
    assert client.get("/v1/models/tiny-sentiment/items?limit=0").json()["details"][0]["loc"] == ["query", "limit"]


def test_a_body_that_was_refused_is_freed_at_once(client):
    def large() -> int:
        return sum(type(one) is dict and len(one) > 5_000 for one in gc.get_objects())  # not isinstance: proxies look

    many = {"inputs": ["good"], **{f"k{i}": [] for i in range(7_000)}}
    body = json.dumps(many).encode()
    del many
    gc.collect()
    gc.disable()  # nobody may have to look for circles
    try:
        before = large()
        assert client.post("/v1/models/tiny-sentiment/predict", content=body).status_code == 422
        assert client.post("/v1/models/tiny-sentiment/predict", json={"inputs": ["good"]}).status_code == 200
        assert large() == before
    finally:
        gc.enable()
