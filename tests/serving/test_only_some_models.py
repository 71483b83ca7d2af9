"""Pools: services that hold only the models that TESSERA_MODELS names."""

from functools import partial

import pytest
from conftest import publish_sentiment
from starlette.testclient import TestClient
from tiny_summarizer import NAME as SUMMARIZER
from tiny_summarizer import TEXT, publish_summarizer
from tiny_writer import WRITER, publish_writer
from waiting import eventually

from app.__main__ import main
from app.main import build
from app.repository.pipeline import PipelineManifest, Step
from app.repository.publish import publish
from app.settings import Settings

NAME = "tiny-sentiment"


def served(models_dir, *names, **settings):
    application, _ = build(Settings(models_dir=models_dir, device="cpu", models=names, **settings))
    return TestClient(application)


def ready(client):
    return client.get("/health/ready").json()


def test_only_these_are_loaded_and_listed_and_the_others_are_said_to_be_elsewhere(models_dir, tmp_path):
    publish_sentiment(models_dir, tmp_path / "other", name="other")
    with served(models_dir, NAME, follow_s=0.05) as client:
        eventually(lambda: ready(client)["ready"])
        assert [one["name"] for one in client.get("/v1/models").json()["models"]] == [NAME]
        publish_sentiment(models_dir, tmp_path / "new", name="newcomer")
        publish_sentiment(models_dir, tmp_path / "newer")
        eventually(lambda: client.get(f"/v1/models/{NAME}").json()["version"] == 2)
        for name in ("other", "newcomer", "unheard-of"):
            for route in ("predict", "load"):
                answer = client.post(f"/v1/models/{name}/{route}", json={"inputs": ["good"]})
                assert answer.status_code == 404
                assert f"model '{name}' is not served here, where TESSERA_MODELS names {NAME}" in answer.json()["error"]


def test_a_name_that_the_repository_has_not_keeps_the_service_from_being_ready(models_dir, tmp_path):
    with served(models_dir, NAME, "laterr") as client:
        eventually(lambda: "TESSERA_MODELS" in ready(client)["reason"])
        assert ready(client)["reason"] == "not in the repository, though TESSERA_MODELS names them: laterr"
        publish_sentiment(models_dir, tmp_path / "later", name="laterr")
        assert client.post("/v1/models/laterr/load").status_code == 200
        assert ready(client)["ready"]


def test_a_pipeline_says_which_of_its_steps_is_not_served_here(models_dir, tmp_path):
    steps = [
        Step(name="first", model=NAME, version=1, task="text-classification"),
        Step(name="second", model="other", version=1, task="text-classification", inputs={"text": "first.0.label"}),
    ]
    publish_sentiment(models_dir, tmp_path / "other", name="other")
    publish(models_dir, "twice", {}, kind=PipelineManifest, steps=steps)
    with served(models_dir, NAME, "twice", follow_s=0.05) as client:
        eventually(lambda: ready(client)["failed"] == ["twice version 1"])
        (version,) = client.get("/v1/models/twice").json()["versions"]
        assert version["state"] == "failed"
        assert "step second: model 'other' is not served here, where TESSERA_MODELS names" in version["reason"]
        assert ready(client)["ready"]
    with served(models_dir, NAME, "twice", "other") as client:
        eventually(lambda: ready(client)["ready"])
        assert client.get("/v1/models/twice").json()["state"] == "ready"


def test_a_summarizer_whose_writer_is_elsewhere_summarizes_and_says_who_cannot_write(tmp_path):
    publish_writer(tmp_path / "models", tmp_path / "writer")
    publish_summarizer(tmp_path / "models", tmp_path / "summarizer", writer=WRITER)
    with served(tmp_path / "models", SUMMARIZER) as client:
        eventually(lambda: ready(client)["ready"])
        ask = partial(client.post, f"/v1/models/{SUMMARIZER}/predict")
        assert ask(json={"inputs": [TEXT]}).status_code == 200
        answer = ask(json={"inputs": [TEXT], "parameters": {"mode": "abstractive"}})
        assert answer.status_code == 503
        assert f"asks {WRITER}, which cannot answer: model '{WRITER}' is not served here" in answer.json()["error"]


def test_names_that_cannot_be_are_refused_before_the_service_starts(models_dir):
    with pytest.raises(ValueError, match="models: 'No Name' is not a model's name"):
        served(models_dir, "No Name")
    with pytest.raises(ValueError, match="required_models: other is not among those that `models` names"):
        served(models_dir, NAME, required_models=("other",))


def test_only_these_are_tuned(models_dir, tmp_path, monkeypatch, capsys):
    publish_sentiment(models_dir, tmp_path / "other", name="other")
    monkeypatch.setenv("TESSERA_MODELS_DIR", str(models_dir))
    monkeypatch.setenv("TESSERA_MODELS", NAME)
    assert main(["tune", "other"]) == 1
    assert f"no model 'other'; there are: {NAME}" in capsys.readouterr().err
