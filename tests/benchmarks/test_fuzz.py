"""The fuzzer: what it sends is the same for the same number, and what it calls a fault is one."""

import asyncio
import json

import httpx
import pytest
from services import Service
from waiting import eventually

from benchmarks.fuzz.__main__ import fuzz, spoilt
from benchmarks.fuzz.asked import Answer, Asked
from benchmarks.fuzz.judge import fault_of
from benchmarks.fuzz.mutations import Raw, written
from benchmarks.fuzz.seeds import OWN, seeds_of

GOOD = Asked("POST /x", "POST", "/x", (("Content-Type", "application/json"),), b'{"inputs": ["a", {"b": [1, 2]}]}')
ID = {"x-request-id": "7", "content-type": "application/json"}
ENVELOPE = b'{"error": "no", "error_type": "No", "request_id": "7"}'


def test_a_number_stands_for_one_request():
    some = [spoilt([GOOD], 1, number) for number in range(300)]
    assert some == [spoilt([GOOD], 1, number) for number in range(300)]
    assert len({one.message() for one in some}) > 150  # some stay as they are


def test_what_python_would_not_write_is_written_as_it_is():
    assert written({"a": [Raw("1e400"), None, "é"]}) == '{"a":[1e400,null,"é"]}'


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer(200, ID, b'{"outputs": []}'), None),
        (Answer(422, ID, ENVELOPE), None),
        (Answer(), "the connection was closed without an answer"),
        (Answer(500, ID, ENVELOPE), "status 500"),
        (Answer(200, {}, b"{}"), "200 without X-Request-Id"),
        (Answer(200, ID, b'{"outputs": [NaN]}'), "200 that is not JSON"),
        (Answer(422, ID, b"no"), "422 without an envelope"),
        (Answer(422, ID, b"[]"), "422 with another envelope"),
        (Answer(422, ID, b'{"error": "", "error_type": "No", "request_id": "7"}'), "422 without a reason"),
        (Answer(422, ID, ENVELOPE.replace(b"7", b"8")), "422 with two ids"),
        (Answer(422, ID, ENVELOPE.replace(b"no", b'File \\"a.py:3')), "422 that quotes our code"),
        (Answer(422, ID, ENVELOPE.replace(b"no", b"n" * 30_000)), "an envelope over 20 kB"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_a_fault(answer, fault):
    assert fault_of(GOOD, answer) == fault


def test_the_service_answers_spoilt_requests_without_a_fault(models_dir):
    service = Service(models_dir, TESSERA_REQUEST_TIMEOUT_S="3")  # of a body whose end never comes
    try:
        eventually(service.is_ready)
        seeds = seeds_of(httpx.get(f"{service.url}/openapi.json").json(), ["tiny-sentiment"])
        found = asyncio.run(fuzz(service.port, seeds, range(600), seed=1))
    finally:
        service.close()
    assert {kind: answer.body for kind, (_, _, answer, _) in found.faults.items()} == {}
    assert sum(sum(statuses.values()) for statuses in found.statuses.values()) == 600


def test_every_documented_route_is_a_seed(client):
    document = client.get("/openapi.json").json()
    routes = {one.route for one in seeds_of(document, ["tiny-sentiment", OWN])}
    assert {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item} <= routes
    predict = next(one for one in seeds_of(document, ["tiny-sentiment"]) if one.path.endswith("/predict"))
    reply = client.request(predict.method, predict.path, content=predict.body, headers=dict(predict.headers))
    assert reply.status_code == 200
    assert json.loads(predict.body)["inputs"]
