"""Clients that write every field of a request, with null for what they do not want, get the same answers."""

from typing import Any

import pytest

IDS = {"name": "input_ids", "datatype": "INT64", "shape": [1, 1], "data": [2]}
MASK = {**IDS, "name": "attention_mask", "data": [1]}
NO_INPUT_PARAMETERS = {"binary_data_size": None, "shared_memory_region": None}
NO_PARAMETERS = {"timeout": None, "priority": None, "binary_data_output": None, "sequence_id": None}

SAME = [
    pytest.param("/v1/models/tiny-sentiment/predict", {"inputs": ["good"]}, nulls, id=f"predict with {nulls}")
    for nulls in ({"parameters": None}, {"parameters": {"top_k": None, "truncate": None}})
] + [
    pytest.param("/v1/models/tiny-sentiment/explain", {"inputs": ["good"]}, {"parameters": None}, id="explain"),
    pytest.param("/v1/models/tiny-sentiment/explain", {"inputs": ["good"]},
                 {"parameters": {"label": None, "top_k": None, "truncate": None}}, id="explain a label"),
    pytest.param("/hf/models/tiny-sentiment", {"inputs": "good"}, {"parameters": None, "options": None}, id="hf"),
    pytest.param("/hf/models/tiny-sentiment", {"inputs": "good"},
                 {"parameters": {"top_k": None, "truncate": None},
                  "options": {"use_cache": None, "wait_for_model": None}}, id="hf parameters"),
    pytest.param("/v2/models/tiny-sentiment/infer", {"inputs": [IDS, MASK]},
                 {"id": None, "parameters": None, "outputs": None}, id="infer"),
    pytest.param("/v2/models/tiny-sentiment/infer", {"inputs": [IDS, MASK]},
                 {"parameters": NO_PARAMETERS, "inputs": [{**one, "parameters": None} for one in (IDS, MASK)]},
                 id="infer parameters"),
    pytest.param("/v2/models/tiny-sentiment/infer", {"inputs": [IDS, MASK], "outputs": [{"name": "logits"}]},
                 {"inputs": [{**one, "parameters": NO_INPUT_PARAMETERS} for one in (IDS, MASK)],
                  "outputs": [{"name": "logits", "parameters": {"binary_data": None, "classification": None}}]},
                 id="infer outputs"),
    pytest.param("/v2/repository/index", {}, {"ready": None}, id="index"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "nulls"), SAME)
def test_null_is_absent(client, path: str, body: dict[str, Any], nulls: dict[str, Any]):
    plain, written = client.post(path, json=body), client.post(path, json=body | nulls)
    assert plain.status_code == written.status_code == 200, written.text
    assert plain.json() == written.json()


def test_loading_takes_no_parameters_in_any_form(client):
    for body in ({}, {"parameters": None}, {"parameters": {}}):
        assert client.post("/v2/repository/models/tiny-sentiment/load", json=body).status_code == 200
