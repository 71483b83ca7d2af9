import base64
import json

import pytest
from brightness import BLACK, WHITE, client, picture

from app.tasks.file_bytes import to_base64

__all__ = ["client"]

PREDICT = "/v1/models/brightness/predict"


def labels_of(reply):
    assert reply.status_code == 200, reply.text
    return [output[0]["label"] for output in reply.json()["outputs"]]


@pytest.mark.parametrize("content_type", ["image/png", "IMAGE/PNG", "image/*; q=1", "application/octet-stream"])
def test_a_raw_body_is_one_item(client, content_type):
    assert labels_of(client.post(PREDICT, content=WHITE, headers={"Content-Type": content_type})) == ["bright"]


def test_the_type_is_read_off_the_content_and_not_believed(client):
    reply = client.post(PREDICT, content=picture(0, "GIF"), headers={"Content-Type": "image/jpeg"})
    assert labels_of(reply) == ["dark"]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "nonsense",
    ],
)
@pytest.mark.parametrize("path", [PREDICT, "/hf/models/brightness"])
def test_a_photo_is_known_by_its_bytes_whatever_its_type_is_said_to_be(client, path, content_type, form):
    headers = {} if content_type is None else {"Content-Type": content_type}
    reply = client.post(f"{path}?top_k=1", content=picture(0, form), headers=headers)
    assert reply.status_code == 200, reply.text
    (best,) = reply.json() if path.startswith("/hf") else reply.json()["outputs"][0]
    assert best["label"] == "dark"


@pytest.mark.parametrize("content_type", ["image/png", "application/octet-stream", "text/plain"])
@pytest.mark.parametrize("before", ["", "\n "])
def test_json_is_known_by_its_bytes_too(client, content_type, before):
    body = before + json.dumps({"inputs": [to_base64(WHITE)]})
    reply = client.post(PREDICT, content=body.encode(), headers={"Content-Type": content_type})
    assert labels_of(reply) == ["bright"]


@pytest.mark.parametrize(
    "head",
    [
        'name="f"; filename="1.png"',
        "name=\"f\"; filename*=UTF-8''1.png",
        'name="f"; filename=""',
        'name="f"\r\nContent-Type: image/png',
        'name="f"\r\nContent-Type: IMAGE/jpeg; q=1',
        'name="f"\r\ncontent-type: application/octet-stream',
        'name="file"',
        'name="files[]"',
        'name="image"',
        'name="images"\r\nContent-Type: text/plain',
    ],
)
def test_a_part_of_a_form_is_a_file_by_its_name_type_or_field(client, head):
    part = f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + WHITE + b"\r\n"
    parameter = b'--x\r\nContent-Disposition: form-data; name="top_k"\r\nContent-Type: text/plain\r\n\r\n1\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    reply = client.post(PREDICT, content=part + parameter + part + b"--x--\r\n", headers=kind)
    assert labels_of(reply) == ["bright", "bright"]
    assert [len(output) for output in reply.json()["outputs"]] == [1, 1]


@pytest.mark.parametrize(
    "prefix",
    [
        "data:image/png;base64,",
        "data:application/octet-stream;base64,",
        "data:;base64,",
        "DATA:text/plain;charset=utf-8;BASE64,",
        'data:image/png;name="a b.png";base64,',
        " data:image/png;base64,",
    ],
)
@pytest.mark.parametrize("path", [PREDICT, "/hf/models/brightness"])
def test_a_data_url_of_any_type_is_read(client, path, prefix):
    for text in (to_base64(WHITE), to_base64(WHITE).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")):
        reply = client.post(path, json={"inputs": [prefix + text]})
        assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("url", ["data:image/png,abc", "data:image/svg+xml;utf8,<svg>", "http://x.test/a", "data:,"])
def test_an_address_that_holds_no_base64_is_not_fetched(client, url):
    reply = client.post(PREDICT, json={"inputs": [url]})
    assert reply.status_code == 422
    assert "inputs.0.image: not valid base64" in reply.json()["error"]


def test_parameters_of_a_raw_body_are_in_the_query(client):
    reply = client.post(PREDICT + "?top_k=1", content=WHITE, headers={"Content-Type": "image/png"})
    assert len(reply.json()["outputs"][0]) == 1
    wrong = client.post(PREDICT + "?topk=1", content=WHITE, headers={"Content-Type": "image/png"})
    assert wrong.status_code == 422
    assert "topk" in wrong.json()["error"]


def test_a_fault_of_a_parameter_has_one_place_wherever_it_was_sent(client):
    for request in (
        {"url": PREDICT + "?top_k=0", "content": WHITE, "headers": {"Content-Type": "image/png"}},
        {"url": PREDICT, "files": {"file": WHITE}, "data": {"top_k": "0"}},
        {"url": PREDICT, "files": {"file": WHITE}, "data": {"parameters": '{"top_k": 0}'}},
        {"url": PREDICT, "json": {"inputs": [base64.b64encode(WHITE).decode()], "parameters": {"top_k": 0}}},
    ):
        reply = client.post(**request)
        assert reply.status_code == 422
        assert [detail["loc"] for detail in reply.json()["details"]] == [["parameters", "top_k"]]


@pytest.mark.parametrize(
    ("field", "content", "place"),
    [
        ("top_k", b"\xff", ["parameters", "top_k"]),
        ("parameters", b'{"top_k": "\xff"}', ["parameters"]),
        ("parameters", rb'{"top_k": "\ud83d"}', ["parameters", "top_k"]),
    ],
)
def test_a_field_of_a_form_that_is_no_unicode_is_named(client, field, content, place):
    reply = client.post(PREDICT, files=[("file", ("1.png", WHITE)), (field, (None, content))])
    assert reply.status_code == 422
    (detail,) = reply.json()["details"]
    assert detail["loc"] == place
    assert "must be Unicode" in detail["msg"]


def test_every_uploaded_file_is_an_item_in_order(client):
    files = [("a", ("1.png", WHITE)), ("b", ("2.png", BLACK)), ("a", ("3.png", WHITE))]
    assert labels_of(client.post(PREDICT, files=files)) == ["bright", "dark", "bright"]


def test_parameters_of_a_form_are_fields_or_one_json_field(client):
    for data in ({"top_k": "1"}, {"parameters": json.dumps({"top_k": 1})}):
        reply = client.post(PREDICT, files={"file": WHITE}, data=data)
        assert len(reply.json()["outputs"][0]) == 1


@pytest.mark.parametrize(
    ("request_", "status", "says"),
    [
        ({"files": {"file": b""}}, 422, "inputs.0.image: the image is empty"),
        ({"files": [("f", WHITE), ("f", b"text")]}, 422, "inputs.1.image: not an image we can read"),
        ({"files": {"file": WHITE}, "data": {"parameters": "{"}}, 422, "parameters: not valid JSON"),
        ({"files": {"file": WHITE}, "data": {"parameters": "[]"}}, 422, "parameters: must be a JSON object"),
        ({"files": {"file": WHITE}, "data": {"parameters": "[" * 10_000}}, 422, "parameters: not valid JSON"),
        ({"files": {"file": WHITE}, "data": {"top_k": "many"}}, 422, "top_k"),
        ({"files": [("f", WHITE)] * 9}, 413, "9 inputs; a request may have 8"),
        (
            {"content": b"--x--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
            422,
            "the form has no file",
        ),
        (
            {"content": b"nonsense--x--", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
            422,
            "form cannot",
        ),
        ({"content": b"--", "headers": {"Content-Type": "multipart/form-data"}}, 422, "form cannot"),
        ({"content": b"hello"}, 422, "Content-Type image/jpeg"),
        ({"content": b"hello", "headers": {"Content-Type": "text/plain"}}, 422, "not valid JSON"),
        ({"content": b"BM\0\0\0\0"}, 422, "not an image we can read"),
        ({"content": b"II*\0", "headers": {"Content-Type": "application/json"}}, 422, "not an image we can read"),
        ({"content": b"\xff\xd8\xff", "headers": {"Content-Type": "text/plain"}}, 422, "image"),
        ({"content": b"", "headers": {"Content-Type": "image/png"}}, 422, "the image is empty"),
        ({"json": {"inputs": [{"image": "%%%"}]}}, 422, "inputs.0.image: not valid base64"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(client, request_, status, says):
    reply = client.post(PREDICT, **request_)
    assert reply.status_code == status, reply.text
    assert says in reply.json()["error"]
    assert reply.json()["request_id"] == reply.headers["x-request-id"]


def test_a_form_that_was_cut_on_its_way_is_not_read_as_one_with_fewer_files(client):
    whole = client.build_request("POST", PREDICT, files=[("f", ("1.png", WHITE)), ("f", ("2.png", BLACK))])
    body, headers = whole.read(), {"Content-Type": whole.headers["content-type"]}
    assert labels_of(client.post(PREDICT, content=body, headers=headers)) == ["bright", "dark"]
    for cut in (10, len(BLACK) + 60, len(body) // 2):
        reply = client.post(PREDICT, content=body[:-cut], headers=headers)
        assert reply.status_code == 422
        assert "closing boundary is missing" in reply.json()["error"]


@pytest.mark.parametrize("charset", ["undefined", "no-such-charset"])
def test_a_charset_that_nobody_knows_is_our_clients_fault(client, charset):
    boundary = f"multipart/form-data; boundary=x; charset={charset}"
    body = b'--x\r\nContent-Disposition: form-data; name="top_k"\r\n\r\n1\r\n--x--\r\n'
    assert client.post(PREDICT, content=body, headers={"Content-Type": boundary}).status_code == 422


def test_a_raw_body_is_no_input_for_a_task_that_reads_none(client):
    reply = client.post("/v1/models/tiny-sentiment/predict", content=WHITE, headers={"Content-Type": "image/png"})
    assert reply.status_code == 422
    assert "not valid JSON" in reply.json()["error"]
