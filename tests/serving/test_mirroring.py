"""A service whose models come from elsewhere: in a real folder, there, away or spoilt."""

import json
from contextlib import contextmanager

import pytest
from conftest import publish_sentiment
from services import running
from starlette.testclient import TestClient
from waiting import eventually

from app.errors import ModelNotReady
from app.keys import add_key
from app.main import build
from app.remote.folder import FolderRemote
from app.remote.remote import Unreachable
from app.repository.manifest import Golden
from app.serving import mirroring
from app.settings import Settings

NAME = "tiny-sentiment"
WRONG = (
    Golden(input={"text": "good"}, output=[{"label": "negative", "score": 1.0}, {"label": "positive", "score": 0}]),
)


@pytest.fixture
def store(tmp_path):
    root = tmp_path / "store"
    publish_sentiment(root, tmp_path / "scratch")
    return root


@pytest.fixture
def serve(tmp_path, store, monkeypatch):
    monkeypatch.setattr(mirroring, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(mirroring, "MOST_WAIT_S", 0.1)

    @contextmanager
    def serve(**settings):
        given = {"models_dir": tmp_path / "here", "models_url": f"file://{store}", "device": "cpu", **settings}
        application, _ = build(Settings(**given))
        with TestClient(application) as client:
            yield client

    return serve


def is_ready(client):
    return client.get("/health/ready").status_code == 200


def mirror(client):
    return client.get("/v1/models").json()["mirror"]


def versions(client):
    return {one["name"]: one["version"] for one in client.get("/v1/models").json()["models"]}


def test_a_service_with_nothing_fetches_all_and_then_is_ready(serve, store, tmp_path):
    publish_sentiment(store, tmp_path / "other", name="other")
    with serve() as client:
        eventually(lambda: is_ready(client))
        assert mirror(client) == {"url": f"file://{store}", "state": "current", "reason": "", "failed": []}
        assert set(versions(client)) == {path.name for path in store.iterdir()}
        assert client.post(f"/v1/models/{NAME}/predict", json={"inputs": ["good"]}).status_code == 200
        assert client.get("/v1/models/nobody").status_code == 404


def test_new_versions_are_followed_and_a_bad_one_is_made_up_for(serve, store, tmp_path):
    publish_sentiment(store, tmp_path / "bad", golden=WRONG)
    with serve(follow_s=0.05, keep_versions=1) as client:
        eventually(lambda: versions(client).get(NAME) == 1)  # version 2 fails its checks here
        publish_sentiment(store, tmp_path / "new")
        eventually(lambda: versions(client)[NAME] == 3)
        eventually(lambda: not (tmp_path / "here" / NAME / "1").exists())


def test_load_fetches_what_is_new_or_says_why_not(serve, store, tmp_path):
    with serve() as client:
        eventually(lambda: is_ready(client))
        publish_sentiment(store, tmp_path / "new")
        assert client.post(f"/v1/models/{NAME}/load").json()["version"] == 2
        publish_sentiment(store, tmp_path / "bad")
        (store / NAME / "3" / "model.onnx").write_bytes(b"short")
        answer = client.post(f"/v1/models/{NAME}/load")
        assert answer.status_code == 409
        assert "version 3 is not fetched" in answer.json()["error"]
        assert mirror(client)["failed"][0]["version"] == 3
        store.rename(tmp_path / "away")
        answer = client.post(f"/v2/repository/models/{NAME}/load")
        assert answer.status_code == 503
        assert "what is loaded stays as it is" in answer.json()["error"]
        assert client.post(f"/v1/models/{NAME}/predict", json={"inputs": ["good"]}).status_code == 200


def test_a_store_that_is_away_at_the_start_is_told_and_asked_again(serve, store, tmp_path, caplog):
    store.rename(tmp_path / "away")
    with serve() as client:
        eventually(lambda: mirror(client)["state"] == "unreachable")
        # The models that are here, none, are being loaded for a moment yet.
        eventually(lambda: client.get("/health/ready").json()["reason"] == f"file://{store}: No such file or directory")
        assert client.get("/health/ready").status_code == 503
        assert client.post(f"/v1/models/{NAME}/predict", json={"inputs": ["good"]}).status_code == 503
        (tmp_path / "away").rename(store)
        eventually(lambda: is_ready(client))
    with serve() as client:  # now with what is here
        eventually(lambda: is_ready(client))
    store.rename(tmp_path / "away")
    caplog.clear()
    with serve() as client:
        eventually(lambda: is_ready(client))
        eventually(lambda: mirror(client)["state"] == "unreachable")
        assert is_ready(client)
        assert client.post(f"/v1/models/{NAME}/predict", json={"inputs": ["good"]}).status_code == 200
    assert caplog.text.count("models cannot be fetched, and what is here is served") == 1


def test_a_version_that_is_not_as_it_says_is_told_and_keeps_nobody_waiting(serve, store):
    manifest = store / NAME / "1" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "name": "other"}))
    with serve() as client:
        eventually(lambda: mirror(client)["state"] == "current")
        (failed,) = mirror(client)["failed"]
        assert (failed["model"], failed["version"]) == (NAME, 1)
        answer = client.post(f"/v1/models/{NAME}/predict", json={"inputs": ["good"]})
        assert answer.status_code == 503
        assert "could not be fetched from" in answer.json()["error"]


def test_a_key_for_other_models_fetches_nothing_and_is_told_of_none(serve, store, tmp_path):
    (store / NAME / "1" / "model.onnx").write_bytes(b"short")
    publish_sentiment(store, tmp_path / "other", name="other")
    file = tmp_path / "keys.json"
    secret = add_key(file, "of-others", scopes=("read", "admin"), models=("other",))
    with serve(keys="on", keys_file=file) as client:
        client.headers["X-API-Key"] = secret
        eventually(lambda: mirror(client)["state"] == "current")
        assert mirror(client)["failed"] == []
        publish_sentiment(store, tmp_path / "new")
        answer = client.post(f"/v1/models/{NAME}/load")
        assert (answer.status_code, answer.json()["error_type"]) == (404, "ModelNotFound")
        assert not (tmp_path / "here" / NAME / "2").exists()


def test_a_file_that_cannot_be_read_keeps_no_other_model_away(serve, store, tmp_path, monkeypatch):
    publish_sentiment(store, tmp_path / "other", name="zebra")
    chunks = FolderRemote.chunks

    def refused(self, path):
        if path == f"{NAME}/1/model.onnx":
            raise Unreachable("the key may not read it")
        return chunks(self, path)

    monkeypatch.setattr(FolderRemote, "chunks", refused)
    with serve() as client:
        eventually(lambda: versions(client) == {"zebra": 1})
        eventually(lambda: mirror(client)["reason"] == "the key may not read it")


def test_an_address_with_a_secret_stops_the_service_before_it_starts(tmp_path):
    with pytest.raises(ValueError, match="credentials are read from the environment") as raised:
        build(Settings(models_dir=tmp_path, models_url="s3://key:geheim@bucket/a"))
    assert "geheim" not in str(raised.value)


def test_what_follows_is_told_by_a_process_of_its_own(store, tmp_path):
    """It ends when it is told to, although its store is looked at again and again."""
    with running(tmp_path / "here", TESSERA_MODELS_URL=f"file://{store}", TESSERA_FOLLOW_S="0.05") as service:
        service.terminate()
        assert service.ended() == 0


def test_nothing_is_missing_that_nobody_expects(tmp_path, store):
    _, engine = build(Settings(models_dir=tmp_path / "here", models_url=f"file://{store}"))
    with pytest.raises(ModelNotReady, match="models are being loaded"):
        engine.find(NAME)
