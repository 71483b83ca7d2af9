"""Every whole number that a caller may send has bounds, and none of them is an error of ours."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from app.api.contracts import bodies_of
from app.api.hf.wires import WIRES, bodies_of_hf
from app.api.v2.schemas import IndexRequest, InferenceRequest, LoadRequest
from app.tasks import TASKS

REQUESTS: list[type[BaseModel]] = [
    *(bodies_of(contract, 8).Request for task in TASKS.values() for contract in task.contracts.values()),
    *(bodies_of_hf(TASKS[name].contract, 8).Request for name in WIRES),
    InferenceRequest, IndexRequest, LoadRequest,
]  # fmt: skip

FAR_OUT = [2**31, 2**53, 2**63 - 1, 2**63, 2**64, -1, -(2**63), -(2**63) - 1, 10**310, -(10**310), 10**4299, 10**5000]


def integers_of(schema: dict[str, Any], where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if schema.get("type") == "integer" and "enum" not in schema and "const" not in schema:
        yield where, schema
    for name, each in schema.items():
        for i, one in enumerate(each if isinstance(each, list) else [each]):
            if isinstance(one, dict):
                yield from integers_of(one, f"{where}.{name}{f'.{i}' if isinstance(each, list) else ''}")


@pytest.mark.parametrize("request_type", REQUESTS, ids=lambda one: one.__name__)
def test_every_integer_in_a_request_has_bounds(request_type):
    for where, schema in integers_of(request_type.model_json_schema()):
        assert {"minimum", "exclusiveMinimum"} & schema.keys(), f"{where} has no lower bound"
        assert {"maximum", "exclusiveMaximum"} & schema.keys(), f"{where} has no upper bound"


def tensor(**fields: Any) -> dict[str, Any]:
    one = {"name": "input_ids", "datatype": "INT64", "shape": [1, 1], "data": [2], **fields}
    return {"inputs": [one, {**one, "name": "attention_mask", "data": [1]}]}


ASKED = {
    "top_k": lambda n: ("/v1/models/tiny-sentiment/predict", {"inputs": ["good"], "parameters": {"top_k": n}}),
    "explain": lambda n: ("/v1/models/tiny-sentiment/explain", {"inputs": ["good"], "parameters": {"top_k": n}}),
    "hf top_k": lambda n: ("/hf/models/tiny-sentiment", {"inputs": "good", "parameters": {"top_k": n}}),
    "timeout": lambda n: ("/v2/models/tiny-sentiment/infer", {**tensor(), "parameters": {"timeout": n}}),
    "priority": lambda n: ("/v2/models/tiny-sentiment/infer", {**tensor(), "parameters": {"priority": n}}),
    "sequence_id": lambda n: ("/v2/models/tiny-sentiment/infer", {**tensor(), "parameters": {"sequence_id": n}}),
    "size": lambda n: ("/v2/models/tiny-sentiment/infer", tensor(shape=[1, n])),
    "sizes": lambda n: ("/v2/models/tiny-sentiment/infer", tensor(shape=[n] * 64)),
    "no rows": lambda n: ("/v2/models/tiny-sentiment/infer", tensor(shape=[0, n], data=[])),
    "element": lambda n: ("/v2/models/tiny-sentiment/infer", tensor(data=[n])),
    "binary size": lambda n: (
        "/v2/models/tiny-sentiment/infer", tensor(data=None, parameters={"binary_data_size": n}),
    ),
    "classification": lambda n: (
        "/v2/models/tiny-sentiment/infer",
        {**tensor(), "outputs": [{"name": "logits", "parameters": {"classification": n}}]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("number", FAR_OUT, ids=lambda n: f"{n:.3g}" if abs(n) < 10**300 else f"{len(hex(n))} digits")
@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED.keys())
def test_no_number_in_a_body_is_our_fault(kept_client, asked, number):
    path, body = asked(4242424242)
    text = json.dumps(body).replace("4242424242", _digits(number))
    reply = kept_client.post(path, content=text, headers={"Content-Type": "application/json"})
    assert reply.status_code in (200, 400, 413, 422, 504), reply.text
    assert reply.status_code == 200 or reply.json()["error"]
    assert len(reply.text) < 6000  # 64 sizes, twice


@pytest.mark.parametrize("number", FAR_OUT, ids=lambda n: f"{n:.3g}" if abs(n) < 10**300 else f"{len(hex(n))} digits")
def test_no_number_elsewhere_is_our_fault(kept_client, number):
    digits = _digits(number)
    body = {"inputs": ["good"]}
    replies = [
        kept_client.post("/v1/models/tiny-sentiment/predict", json=body, headers={"X-Request-Timeout-Ms": digits}),
        kept_client.post(f"/v1/models/tiny-sentiment/versions/{digits}/predict", json=body),
        kept_client.get(f"/v2/models/tiny-sentiment/versions/{digits}"),
        kept_client.get(f"/v2/models/tiny-sentiment/versions/{digits}/ready"),
        kept_client.get(f"/v2/models/tiny-sentiment/versions/{digits}/stats"),
        kept_client.get(f"/v1/models/tiny-sentiment/items?limit={digits}"),
        kept_client.post(
            "/v2/models/tiny-sentiment/infer", json=tensor(), headers={"Inference-Header-Content-Length": digits}
        ),
    ]
    for reply in replies:
        assert reply.status_code in (400, 404, 422), reply.text
        assert reply.json()["error"]


def _digits(number: int) -> str:
    """Python refuses to write integers of more than 4,300 digits; others do not."""
    return str(number) if abs(number) < 10**4300 else f"1{'0' * 5000}"
