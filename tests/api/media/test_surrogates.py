# ruff: noqa: E501  (a table reads better in one line a case)
"""Texts that are no Unicode, in every dialect: the one among many is named by its place, and nothing else is blamed."""

import json

import pytest
from conftest import far_app, ready
from graphs import copied
from growth import require_growth
from pydantic_core import from_json

from app.adding.command import add_model
from app.api.media.surrogates import not_unicode

V1, V2, HF = "/v1/models/tiny-sentiment/predict", "/v2/models/texts/infer", "/hf/models/tiny-sentiment"
PAIR = "half of a surrogate pair"


@pytest.fixture(scope="module")
def client(kept_models_dir):
    add_model(copied(kept_models_dir.parent / "texts.onnx", "BYTES"), "texts", kept_models_dir)
    with ready(far_app(kept_models_dir)) as client:
        yield client


def v2_texts(*texts):
    shape = f'"shape": [{len(texts)}]'
    return f'{{"inputs": [{{"name": "x", "datatype": "BYTES", {shape}, "data": [{", ".join(texts)}]}}]}}'.encode()


CASES = [
    pytest.param(V1, rb'{"inputs": ["good", "\ud83d", "bad"]}', ["inputs", 1], PAIR, id="bare text"),
    pytest.param(V1, rb'{"inputs": ["good", {"text": "a \udc00 b"}]}', ["inputs", 1, "text"], PAIR, id="text of an item"),
    pytest.param(V1, rb'{"inputs": ["good \ud83d\ude00", "\ud83d\u0041"]}', ["inputs", 1], PAIR, id="followed by another escape"),
    pytest.param(V1, rb'{"inputs": ["\\ud83d", "\ude00\ud83d"]}', ["inputs", 1], PAIR, id="halves in the wrong order"),
    pytest.param(V1, b'{"inputs": [\n"good",\n"\\ud83d"]}', ["inputs", 1], PAIR, id="on another line"),
    pytest.param(V1, b'{"inputs": ["good", "\xff"]}', ["inputs", 1], "bytes that are not UTF-8", id="no UTF-8"),
    pytest.param(V1, b'{"inputs": ["good", "\xed\xa0\x80"]}', ["inputs", 1], "bytes that are not UTF-8", id="encoded surrogate"),
    pytest.param(V1, rb'{"inputs": ["good"], "parameters": {"function_to_apply": "\ud800"}}', ["parameters", "function_to_apply"], PAIR, id="parameter"),
    pytest.param(V1, rb'{"inputs": ["good", {"te\ud800xt": "good"}]}', ["inputs", 1], "a field whose name is not Unicode", id="name of a field"),
    pytest.param("/v1/models/tiny-sentiment/explain", rb'{"inputs": ["good", "\ud83d"]}', ["inputs", 1], PAIR, id="explanation"),
    pytest.param("/v1/models/texts/predict", rb'{"inputs": [{"x": "good"}, {"x": "\ud83d"}]}', ["inputs", 1, "x"], PAIR, id="own graph"),
    pytest.param(HF, rb'{"inputs": ["good", "\ud83d"], "parameters": {}}', ["inputs", 1], PAIR, id="hf"),
    pytest.param(HF, rb'{"inputs": "\ud83d"}', ["inputs"], PAIR, id="hf, one text"),
    pytest.param(HF, rb'{"inputs": "good", "parameters": {"truncate": "\ud83d"}}', ["parameters", "truncate"], PAIR, id="hf, parameter"),
    pytest.param(V2, v2_texts('"good"', '"bad"', r'"\ud83d"'), ["inputs", 0, "data", 2], PAIR, id="v2 in JSON"),
    pytest.param(V2, v2_texts('"good"', r'"\ud83d"').replace(b'"x"', rb'"x\ud83d"'), ["inputs", 0, "name"], PAIR, id="v2, name of a tensor"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "place", "says"), CASES)
def test_a_text_that_is_no_unicode_is_named_by_its_place(client, path, body, place, says):
    reply = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == (400 if path == V2 else 422), reply.text
    (detail,) = reply.json()["details"]
    assert detail["loc"] == place
    assert says in detail["msg"]
    assert detail["msg"] in reply.json()["error"]


def test_an_element_of_binary_data_that_is_no_unicode_is_named_by_its_index(client):
    texts = [b"good", b"bad", b"film", b"\xff\xfe"]
    data = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    parameters = {"binary_data_size": len(data)}
    head = json.dumps(
        {"inputs": [{"name": "in_BYTES", "datatype": "BYTES", "shape": [2, 2], "parameters": parameters}]}
    ).encode()
    reply = client.post(V2, content=head + data, headers={"Inference-Header-Content-Length": str(len(head))})
    assert reply.status_code == 400
    (detail,) = reply.json()["details"]
    assert detail["loc"] == ["inputs", "in_BYTES", 1, 1]


def test_a_pair_of_halves_is_a_character(client):
    reply = client.post(V1, content=rb'{"inputs": ["good \ud83d\ude00", "bad \\ud83d"]}')
    assert [output[0]["label"] for output in reply.json()["outputs"]] == ["positive", "negative"]


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b'["\\u12"]', b'["a"]\xff', rb'["\ud800', b'{"a":}', b"[" * 300 + rb'"\ud800"']
)
def test_what_is_no_json_is_no_fault_of_a_text(body):
    with pytest.raises(ValueError, match="at line 1 column") as caught:
        from_json(body)
    assert not_unicode(body, str(caught.value)) is None


def test_the_place_is_found_in_the_time_of_reading():
    def find(size):
        body = b"[" + b"\n" * 10 * size + b'"aaaaaaaa",' * size + rb'"\ud800"]'
        fault = not_unicode(body, f"unexpected end of hex escape at line {10 * size + 1} column {11 * size + 8}")
        assert fault
        assert fault.details[0]["loc"] == [size]

    require_growth(find, 200_000)
