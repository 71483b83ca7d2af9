# ruff: noqa: E501  (a table reads better in one line a case)
import base64
import json
from hashlib import sha256

import jsonschema
import pytest
from brightness import BLACK, WHITE, client
from conftest import POSITIVE

__all__ = ["client"]

TEXTS, PICTURES = "/hf/models/tiny-sentiment", "/hf/models/brightness"
PNG = {"Content-Type": "image/png"}


def in_base64(content):
    return base64.b64encode(content).decode()


def ask(client, path, body, **options):
    reply = client.post(path, json=body, **options)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_text_is_answered_by_a_list_in_a_list(client):
    (labels,) = ask(client, TEXTS, {"inputs": "a good film", "parameters": {}})
    assert [each["label"] for each in labels] == ["positive", "negative"]
    assert labels[0]["score"] == pytest.approx(POSITIVE[0]["score"], abs=1e-5)


def test_a_list_of_texts_is_answered_by_a_list_for_each(client):
    answers = ask(client, TEXTS, {"inputs": ["good", "bad", {"text": "good"}], "parameters": {"top_k": 1}})
    assert [[each["label"] for each in labels] for labels in answers] == [["positive"], ["negative"], ["positive"]]


def test_one_picture_is_answered_by_a_flat_list_and_a_list_of_them_by_a_list_for_each(client):
    flat = ask(client, PICTURES, {"inputs": in_base64(BLACK), "parameters": {"top_k": 1}})
    assert flat == [{"label": "dark", "score": 1.0}]
    assert ask(client, PICTURES, {"inputs": [in_base64(BLACK)], "parameters": {"top_k": 1}}) == [flat]


@pytest.mark.parametrize("headers", [{}, PNG, {"Content-Type": "application/x-www-form-urlencoded"}])
def test_raw_bytes_are_known_by_what_they_are(client, headers):
    reply = client.post(PICTURES, content=BLACK, headers=headers)
    assert reply.json()[0] == {"label": "dark", "score": 1.0}


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/x-www-form-urlencoded"}])
def test_json_is_known_by_what_it_is(client, headers):
    body = " \n" + json.dumps({"inputs": in_base64(WHITE)})
    assert client.post(PICTURES, content=body, headers=headers).json()[0]["label"] == "bright"


@pytest.mark.parametrize(
    ("function", "scores"),
    [("softmax", [0.880797, 0.119203]), ("sigmoid", [0.880797, 0.5]), ("none", [2, 0]), (None, [0.880797, 0.119203])],
)
def test_scores_are_what_the_asked_function_makes_of_the_logits(client, function, scores):
    (labels,) = ask(client, TEXTS, {"inputs": "good film", "parameters": {"function_to_apply": function}})
    assert [each["score"] for each in labels] == pytest.approx(scores, abs=1e-5)


def test_what_the_client_has_no_argument_for_may_stand_in_the_query(client):
    long = {"inputs": "good " * 40, "parameters": {}}
    assert client.post(TEXTS, json=long).status_code == 422
    assert len(ask(client, TEXTS + "?truncate=true&top_k=1", long)[0]) == 1
    assert len(client.post(PICTURES + "?top_k=1", content=WHITE).json()) == 1


def test_nulls_and_the_options_and_headers_of_older_clients_change_nothing(client):
    plain = ask(client, TEXTS, {"inputs": "good"})
    body = {"inputs": "good", "parameters": {"top_k": None}, "options": {"use_cache": False, "wait_for_model": True}}
    assert ask(client, TEXTS, body, headers={"x-use-cache": "false", "x-wait-for-model": "1"}) == plain
    assert ask(client, TEXTS, {"inputs": "good", "parameters": None, "options": None}) == plain


def test_an_answer_says_which_version_gave_it_and_where_the_time_went(client):
    reply = client.post(TEXTS, json={"inputs": "good"})
    assert reply.headers["x-model-version"] == "1"
    assert "inference;dur=" in reply.headers["server-timing"]


def test_the_task_may_be_named(client):
    answer = ask(client, TEXTS + "/pipeline/text-classification", {"inputs": "good"})
    assert answer == ask(client, TEXTS, {"inputs": "good"})


REFUSALS = [
    pytest.param("/hf/models/none", {"inputs": "x"}, 404, "no model 'none'; there are: brightness, tiny-sentiment", id="unknown model"),
    pytest.param(TEXTS + "/pipeline/summarization", {"inputs": "x"}, 404, "does not answer 'summarization'; it answers: text-classification", id="other task"),
    pytest.param(TEXTS, b"{not json", 422, "tiny-sentiment is a model for text-classification and reads JSON; this is not", id="invalid json"),
    pytest.param(TEXTS, b"", 422, "reads JSON", id="empty body"),
    pytest.param(TEXTS, b"[" * 10_000, 422, "reads JSON", id="deep json"),
    pytest.param(TEXTS, b"[1]", 422, "must be a JSON object", id="body is a list"),
    pytest.param(TEXTS, {}, 422, "inputs: Field required", id="no inputs"),
    pytest.param(TEXTS, {"inputs": []}, 422, "at least 1", id="empty inputs"),
    pytest.param(TEXTS, {"inputs": None}, 422, "inputs.0.text", id="inputs is null"),
    pytest.param(TEXTS, {"inputs": ["good", 7]}, 422, "inputs.1.text", id="wrong type"),
    pytest.param(TEXTS, {"inputs": ["good", " "]}, 422, "inputs.1.text: the text is empty", id="empty text"),
    pytest.param(TEXTS, {"inputs": ["good", "good " * 40]}, 422, "inputs.1.text: the text has 40 tokens and the model reads at most 16", id="too long a text"),
    pytest.param(TEXTS, {"inputs": {"question": "good?", "context": "film"}}, 422, "inputs.0", id="another task's input"),
    pytest.param(TEXTS, {"inputs": ["good"] * 9}, 413, "9 inputs; a request may have 8", id="too many inputs"),
    pytest.param(TEXTS, {"inputs": "x" * 200_000}, 413, "100000 bytes", id="body too large"),
    pytest.param(TEXTS, {"inputs": "good", "parameters": []}, 422, "parameters: must be a JSON object", id="parameters is a list"),
    pytest.param(TEXTS, {"inputs": "good", "parameters": {"topk": 1}}, 422, "parameters: topk would have no effect here; what has: top_k, truncate", id="unknown parameter"),
    pytest.param(TEXTS, {"inputs": "good", "parameters": {"top_k": 0}}, 422, "parameters.top_k", id="parameter out of range"),
    pytest.param(TEXTS, {"inputs": "good", "parameters": {"function_to_apply": "relu"}}, 422, "parameters.function_to_apply", id="unknown function"),
    pytest.param(TEXTS, {"inputs": "good", "normalize": True}, 422, "'normalize' is no field of the body; there are: inputs, parameters, options", id="field beside inputs"),
    pytest.param(TEXTS, {"inputs": "good", "options": {"wait": 1}}, 422, "options.wait", id="unknown option"),
    pytest.param(TEXTS + "?top_k=1", {"inputs": "good", "parameters": {"top_k": 1}}, 422, "top_k: given in the body and in the query", id="given twice"),
    pytest.param(TEXTS + "?topk=1", {"inputs": "good"}, 422, "topk would have no effect", id="unknown parameter in the query"),
    pytest.param(TEXTS, WHITE, 422, "tiny-sentiment is a model for text-classification and reads JSON", id="picture for a text model"),
    pytest.param(PICTURES, b"", 422, "inputs.0.image: the image is empty", id="empty picture"),
    pytest.param(PICTURES, b"GIF89a", 422, "inputs.0.image: the image is truncated or damaged", id="damaged picture"),
    pytest.param(PICTURES, b"hello", 422, "not an image we can read", id="no picture"),
    pytest.param(PICTURES, {"inputs": [in_base64(WHITE), "§"]}, 422, "inputs.1.image: not valid base64", id="no base64"),
    pytest.param(PICTURES, {"inputs": in_base64(WHITE), "parameters": {"function_to_apply": "sigmoid"}}, 422, "sigmoid cannot be computed", id="logits that are lost"),
    pytest.param(PICTURES, {"inputs": in_base64(WHITE), "parameters": {"function_to_apply": "none"}}, 422, "none cannot be computed", id="no function"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status", "says"), REFUSALS)
def test_every_refusal_says_what_is_wrong_in_body_and_header(client, path, body, status, says):
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    reply = client.post(path, **content)
    assert reply.status_code == status, reply.text
    envelope = reply.json()
    assert says in envelope["error"]
    assert envelope["error_type"]
    assert envelope["request_id"] == reply.headers["x-request-id"]
    assert reply.headers.get("x-error-message", envelope["error"]) == envelope["error"]


def test_a_message_that_a_header_cannot_hold_is_in_the_body_only(client):
    reply = client.post(TEXTS, json={"inputs": "good", "parameters": {"größe\r\nX-Evil: 1": 1}})
    assert reply.status_code == 422
    assert "größe" in reply.json()["error"]
    assert "x-error-message" not in reply.headers
    assert "x-evil" not in reply.headers


def test_forms_are_refused_with_what_to_send_instead(client):
    reply = client.post(PICTURES, files={"file": WHITE})
    assert reply.status_code == 422
    assert "send the bytes of one image" in reply.json()["error"]


def test_only_post_is_answered(client):
    reply = client.get(TEXTS)
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


def test_a_deadline_that_cannot_be_read_is_refused(client):
    reply = client.post(TEXTS, json={"inputs": "good"}, headers={"X-Request-Timeout-Ms": "soon"})
    assert reply.status_code == 422
    assert "X-Request-Timeout-Ms" in reply.json()["error"]


def test_info_tells_what_answers_and_what_it_takes(client, kept_models_dir):
    info = client.get(TEXTS + "/info").json()
    assert (info["model_id"], info["pipeline_tag"], info["version"]) == ("tiny-sentiment", "text-classification", 1)
    assert (info["max_input_length"], info["max_client_batch_size"]) == (16, 8)
    folder = kept_models_dir / "tiny-sentiment" / "1"
    listing = [
        f"{sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in ("model.onnx", "tokenizer.json")
    ]
    assert info["model_sha"] == sha256("".join(listing).encode()).hexdigest()


def test_health_is_that_of_the_model(client):
    assert client.get(TEXTS + "/health").json() == {"ready": True}
    assert client.get(TEXTS + "/pipeline/text-classification/health").status_code == 200
    assert client.get("/hf/models/none/health").status_code == 404
    assert client.get(TEXTS + "/pipeline/summarization/info").status_code == 404


def test_every_operation_is_typed_and_its_example_runs_as_it_stands(client):
    document = client.get("/openapi.json").json()
    for path in (TEXTS, PICTURES):
        operation = document["paths"][path]["post"]
        body = operation["requestBody"]["content"]["application/json"]
        answer = operation["responses"]["200"]["content"]["application/json"]
        if path == TEXTS:
            assert body["example"]["inputs"] == "what a good film"
        parts = {"components": document["components"]}
        jsonschema.validate(body["example"], {**body["schema"], **parts})
        jsonschema.validate(ask(client, path, body["example"]), {**answer["schema"], **parts})
