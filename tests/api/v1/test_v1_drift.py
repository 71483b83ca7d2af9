"""Drift of what is asked over HTTP: on the card and in the metrics."""

import json
from math import inf

import pytest
from conftest import far_app, publish_sentiment, ready
from prometheus_client.parser import text_string_to_metric_families
from references import publish_with_reference, texts

from app.drift import counting
from app.main import build
from app.settings import Settings

MODEL = "/v1/models/tiny-sentiment"


@pytest.fixture(autouse=True)
def each_is_counted(monkeypatch):
    monkeypatch.setattr(counting, "MOST_A_SECOND", inf)


@pytest.fixture
def client(tmp_path):
    publish_with_reference(tmp_path / "models", tmp_path / "scratch")
    with ready(far_app(tmp_path / "models")) as client:
        yield client


def ask(client, items, path=f"{MODEL}/predict", **parameters):
    for start in range(0, len(items), 8):
        reply = client.post(path, json={"inputs": items[start : start + 8], "parameters": parameters})
        assert reply.status_code == 200, reply.text


def on_card(client):
    return {one["measure"]: one for one in client.get(MODEL).json()["drift"]["measures"]}


def in_metrics(client, name):
    found = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for one in family.samples:
            if one.name == name:
                found[one.labels["version"], one.labels.get("measure", "")] = one.value
    return found


def test_what_is_asked_as_in_training_is_stable_and_too_few_answers_say_nothing(client):
    ask(client, texts(192, seed=1))
    assert {one["state"] for one in on_card(client).values()} == {"too few answers"}
    assert in_metrics(client, "tessera_drift_psi") == {}
    ask(client, texts(200, seed=2), top_k=1)
    card = on_card(client)
    assert {one["state"] for one in card.values()} == {"stable"}
    assert set(card) == {
        "characters", "tokens", "tokens per character", "unknown tokens", "label", "score", "margin", "entropy",
    }  # fmt: skip
    assert {one["answers"] for one in card.values()} == {392}
    assert card["label"]["ks"] is None
    assert all(0 <= one["ks"] < 0.15 for name, one in card.items() if name != "label")
    assert in_metrics(client, "tessera_drift_answers_total") == {("2", ""): 392}


def test_what_is_asked_otherwise_is_shifted_on_the_card_and_in_the_metrics(client):
    ask(client, texts(320, words=("strange", "words", "a", "good", "odd", "unheard")))
    card = on_card(client)
    assert card["unknown tokens"]["state"] == card["label"]["state"] == "shifted"
    psi, ks = in_metrics(client, "tessera_drift_psi"), in_metrics(client, "tessera_drift_ks")
    assert psi["2", "unknown tokens"] > 0.2
    assert psi["2", "unknown tokens"] == pytest.approx(card["unknown tokens"]["psi"], abs=1e-4)
    assert ks["2", "unknown tokens"] == pytest.approx(card["unknown tokens"]["ks"], abs=1e-4)
    assert ("2", "label") not in ks
    assert in_metrics(client, "tessera_drift_window_answers")["2", "tokens"] == 320


def test_each_version_counts_its_own_and_one_without_a_reference_nothing(client):
    ask(client, texts(16), f"{MODEL}/versions/1/predict")
    assert {one["answers"] for one in on_card(client).values()} == {0}
    assert in_metrics(client, "tessera_drift_answers_total") == {("2", ""): 0}


def test_hostile_texts_are_answered_and_counted(client):
    hostile = ["\ud800", "good\x00bad", "\u202e a", "𝔘𝔫 film", "' OR 1=1 --", "a" * 400, "{{7*7}}", "﷽ good"]
    for text in hostile:
        reply = client.post(f"{MODEL}/predict", content=json.dumps({"inputs": [text]}))
        assert reply.status_code in (200, 422), reply.text
    reply = client.get("/metrics")
    assert reply.status_code == 200
    assert not [line for line in reply.text.splitlines() if "OR 1=1" in line]


def test_explanations_and_tensors_are_not_what_the_reference_is_of(client):
    ask(client, texts(2), f"{MODEL}/explain")
    assert in_metrics(client, "tessera_drift_answers_total") == {("2", ""): 0}


def test_a_version_without_a_reference_says_so(tmp_path):
    publish_sentiment(tmp_path / "models", tmp_path / "scratch")
    with ready(far_app(tmp_path / "models")) as client:
        ask(client, texts(8))
        told = client.get(MODEL).json()["drift"]
        assert (told["measures"], told["reason"]) == ([], "its version has no reference")
        assert in_metrics(client, "tessera_drift_answers_total") == {}


def test_nothing_is_counted_where_it_is_off(tmp_path):
    publish_with_reference(tmp_path / "models", tmp_path / "scratch")
    settings = Settings(
        models_dir=tmp_path / "models", device="cpu", database_url="off", jobs_dir="off", drift="off", keys="off"
    )
    app, _ = build(settings)
    with ready(app) as client:
        ask(client, texts(8))
        told = client.get(MODEL).json()["drift"]
        assert (told["dataset"], told["measures"]) == ("texts by chance", [])
        assert "TESSERA_DRIFT" in told["reason"]
        assert in_metrics(client, "tessera_drift_answers_total") == {}
