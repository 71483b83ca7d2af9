"""Batches over HTTP, on an application with a tiny model."""

import io
import json
from functools import partial

import pytest
from conftest import POSITIVE, publish_sentiment
from engines import FarEngine
from hanging_up import hung_up_on
from starlette.testclient import TestClient
from waiting import eventually

from app.api.app import create_app
from app.api.http.limits import Limits
from app.api.media.json_text import JsonLimits, parse
from app.api.permitted import PermittedEngine
from app.jobs.folder import JobsFolder
from app.jobs.jobs import Jobs
from app.keys import KeyRing, add_key
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.telemetry import Telemetry

BATCHES, FILES = "/v1/batches", "/v1/files"
PREDICT = "/v1/models/tiny-sentiment/predict"
MOST_FILE, MOST_ALL = 3_000_000, 8_000_000
ENDED = ("completed", "failed", "cancelled", "expired")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("batches")
    (root / "models").mkdir()
    publish_sentiment(root / "models", root / "scratch")
    return root


@pytest.fixture(scope="module")
def secrets(folder):
    terms = {
        "ann": {"scopes": ("predict", "read", "metrics")}, "bob": {}, "narrow": {"models": ("other",)},
        "reader": {"scopes": ("read",)}, "gone": {},
    }  # fmt: skip
    return {name: add_key(folder / "keys.json", name, **of) for name, of in terms.items()}


@pytest.fixture(scope="module")
def anybody(folder, secrets):
    telemetry = Telemetry()
    engine = FarEngine(LocalEngine(ModelRepository(folder / "models"), telemetry, options=RuntimeOptions(device="cpu")))
    jobs = Jobs(
        PermittedEngine(engine), telemetry, JobsFolder(folder / "jobs", MOST_ALL, has_owners=True), days=30,
        parse=partial(parse, limits=JsonLimits()), most_line_bytes=100_000, most_file_bytes=MOST_FILE,
    )  # fmt: skip
    limits = Limits(max_body_bytes=100_000, max_items=8, request_timeout_s=10, bodies_bytes=20_000_000)
    app = create_app(engine, telemetry, limits, keys=KeyRing(folder / "keys.json"), jobs=jobs)
    with TestClient(app) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        yield client


@pytest.fixture
def client(anybody, secrets):
    anybody.headers["X-API-Key"] = secrets["ann"]
    return anybody


def ended(client, reply):
    assert reply.status_code == 200, reply.text
    place = f"{BATCHES}/{reply.json()['id']}"
    eventually(lambda: client.get(place).json()["status"] in ENDED)
    return client.get(place).json()


def send(client, content, name="in.jsonl", **fields):
    if not isinstance(content, bytes):
        content = "".join(f"{json.dumps(line)}\n" for line in content).encode()
    return client.post(BATCHES, files={"file": (name, io.BytesIO(content))}, data=fields)


def results(client, file_id):
    return [json.loads(line) for line in client.get(f"{FILES}/{file_id}/content").text.splitlines()]


def request(name, **body):
    return {"custom_id": name, "method": "POST", "url": PREDICT, "body": body}


@pytest.mark.parametrize("kind", [b"application/json", b"multipart/form-data; boundary=x"])
def test_who_hangs_up_while_a_batch_arrives_is_no_failure_of_ours(client, secrets, caplog, kind):
    assert hung_up_on(client, BATCHES, kind, secrets["ann"]) == [499]
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


def test_a_file_of_items_is_answered_line_by_line_and_an_error_stands_in_its_place(client):
    lines = ["what a good film", {"text": "bad"}, {"txt": "bad"}, 3, {"text": "good " * 50}]
    content = "".join(f"{json.dumps(one)}\n" for one in lines).encode() + b"nonsense\n\n\xff\n"
    batch = ended(client, send(client, content, model="tiny-sentiment", parameters='{"top_k": 1}'))
    assert (batch["status"], batch["model"], batch["endpoint"]) == ("completed", "tiny-sentiment", PREDICT)
    assert batch["request_counts"] == {"total": 7, "completed": 2, "failed": 5}
    told = results(client, batch["output_file_id"])
    assert [one["line"] for one in told] == [1, 2, 3, 4, 5, 6, 8]
    assert told[0]["output"] == [{**POSITIVE[0], "score": pytest.approx(0.880797, abs=1e-5)}]
    assert [one["error"]["message"].partition(":")[0] for one in told[2:]] == [
        "text", "text", "text", "the line is not valid JSON", "the line is not valid JSON",
    ]  # fmt: skip
    assert batch["error_file_id"] is None


def test_lines_of_csv_are_items_by_their_columns(client):
    batch = ended(client, send(client, b'review\ngood film\n"bad,\nbad"\nx,y\n', "in.csv", model="tiny-sentiment"))
    told = results(client, batch["output_file_id"])
    assert [one["row"] for one in told] == [1, 2, 3]
    assert [one["output"][0]["label"] for one in told[:2]] == ["positive", "negative"]
    assert told[2]["error"]["message"] == "line 5 of the file has 2 fields, and the first line 1 names"


def test_a_few_items_may_come_as_they_are(client):
    body = {"model": "tiny-sentiment", "inputs": ["good", "bad"], "metadata": {"of": "me"}}
    batch = ended(client, client.post(BATCHES, json=body))
    assert batch["metadata"] == {"of": "me"}
    labels = [one["output"][0]["label"] for one in results(client, batch["output_file_id"])]
    assert labels == ["positive", "negative"]


def test_requests_are_answered_as_if_each_had_come_alone(client):
    lines = [
        request("a", inputs=["good"]), request("b", inputs=[]), request("c", inputs=["x"], parameters={"k": 1}),
        {**request("d", inputs=["bad"]), "url": "/v1/models/nobody/predict"}, request("e", inputs=["a"], stream=True),
        request("f", inputs=["bad", "good"]),
    ]  # fmt: skip
    file = client.post(FILES, files={"file": ("in.jsonl", b"".join(json.dumps(one).encode() + b"\n" for one in lines))},
                       data={"purpose": "batch"}).json()  # fmt: skip
    made = client.post(BATCHES, json={"input_file_id": file["id"], "endpoint": PREDICT})
    failed = ended(client, made)
    assert [(one["line"], one["param"]) for one in failed["errors"]["data"]] == [(4, "url")]
    lines[3]["url"] = PREDICT
    batch = ended(client, send(client, lines, endpoint=PREDICT))
    good, bad = results(client, batch["output_file_id"]), results(client, batch["error_file_id"])
    assert [one["custom_id"] for one in good] == ["a", "d", "f"]
    alone = client.post(PREDICT, json={"inputs": ["bad", "good"]}).json()
    assert good[-1]["response"]["body"] == alone
    assert good[-1]["response"]["status_code"] == 200
    assert {one["custom_id"]: one["response"] and one["response"]["status_code"] for one in bad} == {
        "b": 422, "c": 422, "e": None,
    }  # fmt: skip
    refused = bad[0]["response"]
    alone = client.post(PREDICT, json={"inputs": []}, headers={"X-Request-Id": refused["request_id"]}).json()
    assert refused["body"] == alone


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 422, "name either the model, whose items the lines are, or the endpoint"),
        ({"model": "tiny-sentiment", "endpoint": PREDICT}, 422, "name either the model"),
        ({"model": "tiny-sentiment"}, 422, "input_file_id: either input_file_id or inputs must be there"),
        ({"model": "tiny-sentimental", "inputs": ["x"]}, 404, "no model 'tiny-sentimental'"),
        ({"model": "tiny-sentiment", "inputs": ["x"], "parameters": {"k": 1}}, 422, "parameters.k: "),
        ({"model": "tiny-sentiment", "inputs": ["x"], "completion_window": "1y"}, 422, "completion_window: must be a"),
        ({"model": "tiny-sentiment", "inputs": ["x"], "completion_window": "31d"}, 422, "completion_window: must be a"),
        ({"model": "tiny-sentiment", "inputs": ["x"], "priority": 1}, 422, "priority: "),
        ({"model": "tiny-sentiment", "inputs": ["x"], "metadata": {"a": "x" * 513}}, 422, "metadata: "),
        ({"endpoint": "/v1/models/x/load", "input_file_id": "x"}, 422, "'/v1/models/x/load' cannot be asked"),
        ({"endpoint": PREDICT, "inputs": ["x"]}, 422, "inputs: has no effect without model"),
        ({"endpoint": PREDICT, "input_file_id": "file-000000000000000000000000"}, 404, "no file 'file-0000"),
        ({"endpoint": PREDICT, "input_file_id": "../../keys.json"}, 404, "no file '../../keys.json'"),
    ],
)
def test_a_batch_that_could_not_be_worked_through_is_refused_at_once(client, body, status, says):
    reply = client.post(BATCHES, json=body)
    assert reply.status_code == status, reply.text
    assert says in reply.json()["error"]


def test_clients_of_openai_read_errors_in_their_form(client):
    reply = client.get(f"{BATCHES}/batch_none", headers={"x-stainless-lang": "python"})
    assert reply.status_code == 404
    assert reply.json()["error"]["message"] == "no batch 'batch_none'"
    assert client.get(f"{BATCHES}/batch_none").json()["error"] == "no batch 'batch_none'"


def test_files_and_batches_are_seen_only_by_whose_key_they_are(client, secrets):
    batch = ended(client, client.post(BATCHES, json={"model": "tiny-sentiment", "inputs": ["good"]}))
    bob = {"X-API-Key": secrets["bob"]}
    for path in (f"{BATCHES}/{batch['id']}", f"{FILES}/{batch['input_file_id']}",
                 f"{FILES}/{batch['output_file_id']}/content"):  # fmt: skip
        assert client.get(path).status_code == 200
        assert client.get(path, headers=bob).status_code == 404
    assert client.post(f"{BATCHES}/{batch['id']}/cancel", headers=bob).status_code == 404
    assert client.delete(f"{FILES}/{batch['input_file_id']}", headers=bob).status_code == 404
    assert client.get(BATCHES, headers=bob).json()["data"] == []
    assert client.get(FILES, headers=bob).json()["data"] == []
    body = {"model": "tiny-sentiment", "input_file_id": batch["input_file_id"]}
    assert client.post(BATCHES, json=body, headers=bob).status_code == 404


def test_lists_are_newest_first_and_told_in_pages(client):
    made = [client.post(BATCHES, json={"model": "tiny-sentiment", "inputs": [str(i)]}).json()["id"] for i in range(3)]
    listed = client.get(BATCHES, params={"limit": 2}).json()
    assert (len(listed["data"]), listed["has_more"]) == (2, True)
    rest = client.get(BATCHES, params={"limit": 100, "after": listed["last_id"]}).json()
    ids = [one["id"] for one in (*listed["data"], *rest["data"])]
    assert set(made) <= set(ids)
    assert len(set(ids)) == len(ids)
    assert client.get(BATCHES, params={"after": "x"}).status_code == 422
    assert client.get(BATCHES, params={"limit": 0}).status_code == 422
    told = [client.get(FILES, params={"limit": limit}).status_code for limit in ("9" * 5000, "many", "0", "10000")]
    assert told == [422, 422, 422, 200]


def test_a_cancelled_batch_keeps_what_is_done(client):
    lines = [f"good film {i}" for i in range(100_000)]
    made = send(client, lines, model="tiny-sentiment").json()
    place = f"{BATCHES}/{made['id']}"
    eventually(lambda: client.get(place).json()["request_counts"]["completed"] > 0)
    assert client.delete(f"{FILES}/{made['input_file_id']}").status_code == 422
    assert client.post(f"{place}/cancel").json()["status"] in ("cancelling", "cancelled")
    eventually(lambda: client.get(place).json()["status"] == "cancelled")
    batch = client.get(place).json()
    done = results(client, batch["output_file_id"])
    assert 0 < len(done) == batch["request_counts"]["completed"] < len(lines)
    assert [one["line"] for one in done] == list(range(1, len(done) + 1))
    assert "cannot be cancelled any more" in client.post(f"{place}/cancel").json()["error"]
    for file in (batch["input_file_id"], batch["output_file_id"]):
        assert client.delete(f"{FILES}/{file}").json() == {"id": file, "object": "file", "deleted": True}
        assert client.get(f"{FILES}/{file}").status_code == 404


@pytest.mark.parametrize(
    ("content", "fields", "status", "says"),
    [
        (b"x" * (MOST_FILE + 1), {"purpose": "batch"}, 413, f"more than the {MOST_FILE} bytes that it may have"),
        (b"x" * 8_000_000, {"purpose": "batch"}, 413, "bytes that it may have here"),
        (b"x", {"purpose": "fine-tune"}, 422, "purpose: must be 'batch', not 'fine-tune'"),
        (b"x", {}, 422, "purpose: must be 'batch', not None"),
        (b"x", {"purpose": "batch", "more": "1"}, 422, "more: is not known"),
        (None, {"purpose": "batch"}, 422, "send multipart/form-data"),
    ],
)
def test_a_file_that_is_not_taken_leaves_nothing(client, folder, content, fields, status, says):
    before = sorted((folder / "jobs").rglob("*"))
    files = None if content is None else {"file": ("in.jsonl", io.BytesIO(content))}
    reply = client.post(FILES, files=files, data=fields)
    assert reply.status_code == status, reply.text
    assert says in reply.json()["error"]
    assert sorted((folder / "jobs").rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "fields", "status"),
    [
        ("in.jsonl", {"model": "tiny-sentimental"}, 404),
        ("in.csv", {"endpoint": PREDICT}, 422),
        ("in.jsonl", {"model": "tiny-sentiment", "parameters": '{"k": 1}'}, 422),
        (None, {"model": "tiny-sentimental"}, 404),
    ],
)
def test_a_batch_that_is_refused_leaves_no_file(client, name, fields, status):
    before = client.get(FILES).json()
    reply = send(client, b"x\n", name, **fields) if name else client.post(BATCHES, json={"inputs": ["x"], **fields})
    assert reply.status_code == status, reply.text
    assert client.get(FILES).json() == before


def test_a_form_that_is_cut_leaves_nothing(client, folder):
    before = sorted((folder / "jobs").rglob("*"))
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 100_000
    reply = client.post(FILES, content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert (reply.status_code, reply.json()["error"]) == (422, "the form is cut: its closing boundary is missing")
    assert sorted((folder / "jobs").rglob("*")) == before


def test_a_caller_may_fill_half_of_the_room_and_no_more(client, secrets):
    content = b"x" * 2_900_000
    bob = {"X-API-Key": secrets["bob"]}
    first = client.post(FILES, files={"file": content}, data={"purpose": "batch"}, headers=bob)
    assert first.status_code == 200, first.text
    reply = client.post(FILES, files={"file": content}, data={"purpose": "batch"}, headers=bob)
    assert reply.status_code == 413
    assert "are left for your files and jobs; delete some" in reply.json()["error"]
    assert client.delete(f"{FILES}/{first.json()['id']}", headers=bob).status_code == 200
    again = client.post(FILES, files={"file": content}, data={"purpose": "batch"}, headers=bob)
    assert again.status_code == 200
    client.delete(f"{FILES}/{again.json()['id']}", headers=bob)


def test_lines_that_are_done_are_counted_by_the_metrics(client):
    ended(client, client.post(BATCHES, json={"model": "tiny-sentiment", "inputs": ["good", 3]}))
    text = client.get("/metrics").text
    for line in ('tessera_batch_lines_total{outcome="failed"}', 'tessera_batches_total{status="completed"}'):
        assert line in text


def test_without_a_folder_that_can_be_written_jobs_are_refused_with_the_reason(kept_client):
    for reply in (kept_client.get(BATCHES), kept_client.post(BATCHES, json={}), kept_client.get(f"{FILES}/x/content")):
        assert reply.status_code == 503
        assert reply.json()["error_type"] == "JobsUnavailable"
