"""Batches of a cascade, on the application of the other batches."""

import pytest
from cascades import SURE, UNSURE, publish_cascade, publish_models
from test_batches import BATCHES, anybody, client, ended, request, results, secrets, send

__all__ = ["anybody", "client", "secrets"]

PREDICT = "/v1/models/mood/predict"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("batches")
    publish_models(root / "models", root / "scratch")
    publish_cascade(root / "models")
    return root


def test_a_cascade_answers_items_and_requests(client):
    body = {"model": "mood", "inputs": [SURE, UNSURE, " film" * 99, SURE]}
    told = results(client, ended(client, client.post(BATCHES, json=body))["output_file_id"])
    assert [one["output"][0]["label"] for one in told if "output" in one] == ["positive", "negative", "positive"]
    assert told[2]["error"]["message"].startswith("text: ")
    line = request("a", inputs=[UNSURE, SURE]) | {"url": PREDICT}
    (told,) = results(client, ended(client, send(client, [line], endpoint=PREDICT))["output_file_id"])
    assert told["response"]["body"]["answered_by"] == ["large", "small"]
