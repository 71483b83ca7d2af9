"""Batches of keys that may do only some things, on the application of the other tests."""

import json

import pytest
from test_batches import BATCHES, PREDICT, anybody, client, ended, folder, request, results, secrets, send
from waiting import eventually

from app.api.batches.terms import KeyTerms
from app.errors import Overloaded
from app.keys import KeyRing, add_key, revoke_key
from app.keys.limits import Meters

__all__ = ["anybody", "client", "folder", "secrets"]


def test_a_batch_may_do_what_its_key_may_and_no_more(client, secrets, folder):
    def as_key(name):
        return {"X-API-Key": secrets[name]}

    body = {"model": "tiny-sentiment", "inputs": ["good"]}
    assert client.post(BATCHES, json=body, headers=as_key("reader")).status_code == 403
    reply = client.post(BATCHES, json=body, headers=as_key("narrow"))
    assert (reply.status_code, reply.json()["error"]) == (
        404, "no model 'tiny-sentiment' for this key; it may use: other",
    )  # fmt: skip
    form = {"files": {"file": ("in.jsonl", json.dumps(request("a", inputs=["good"])))}, "data": {"endpoint": PREDICT}}
    client.headers["X-API-Key"] = secrets["narrow"]
    batch = ended(client, client.post(BATCHES, **form))
    (told,) = results(client, batch["error_file_id"])
    assert told["response"]["status_code"] == 404
    assert "for this key" in told["response"]["body"]["error"]


def test_a_batch_of_a_key_that_was_revoked_fails(client, secrets, folder):
    client.headers["X-API-Key"] = secrets["gone"]
    lines = [f"good {i}" for i in range(100_000)]
    made = send(client, lines, model="tiny-sentiment").json()
    eventually(lambda: client.get(f"{BATCHES}/{made['id']}").json()["request_counts"]["completed"] > 0)
    revoke_key(folder / "keys.json", "gone")
    state = folder / "jobs" / "jobs" / made["id"] / "state.json"
    eventually(lambda: json.loads(state.read_text())["status"] == "failed")
    fault = json.loads(state.read_text())["faults"][0]
    assert fault["message"] == "the key gone was revoked, or has expired"


def test_a_batch_waits_while_keys_cannot_be_read_and_then_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("app.keys.ring.LOOK_AGAIN_S", 0.0)
    monkeypatch.setattr("app.keys.ring.TRUSTED_S", 0.0)
    file = tmp_path / "keys.json"
    add_key(file, "laptop", scopes=("predict",))
    terms, whole = KeyTerms(KeyRing(file), Meters()), file.read_bytes()
    file.write_bytes(b"{")
    with pytest.raises(Overloaded, match="the file of keys cannot be read") as raised:
        terms.require("laptop")
    assert raised.value.retry_after_s == 60
    file.write_bytes(whole)
    terms.require("laptop")
