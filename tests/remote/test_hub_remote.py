"""A repository on the hub, which here is a local server that the hub's own client asks."""

import pytest
from conftest import publish_sentiment
from hub import REPOSITORY, hub
from huggingface_hub import HfApi, HfFileSystem

from app.remote import hub as remote_hub
from app.remote.command import push
from app.remote.mirror import Mirror
from app.remote.remote import AlreadyThere, Unreachable, opened
from app.repository.repository import ModelRepository

NAME = "tiny-sentiment"


@pytest.fixture
def server(monkeypatch):
    with hub() as server:
        asked = {"endpoint": server.url, "token": "hf_geheim"}
        monkeypatch.setattr(remote_hub, "HfApi", lambda: HfApi(**asked))
        monkeypatch.setattr(remote_hub, "HfFileSystem", lambda: HfFileSystem(**asked, skip_instance_cache=True))
        yield server


@pytest.mark.parametrize("folder", ["", "/teams/prod"])
def test_versions_are_pushed_in_one_commit_and_pulled_from_it(server, folder, models_dir, tmp_path):
    url = f"hf://{REPOSITORY}{folder}"
    push(ModelRepository(models_dir), opened(url), NAME, None)
    assert len(server.commits) == 2
    assert sorted(server.commits[-1]) == [
        f"{folder}/{NAME}/1/{file}".strip("/") for file in ("manifest.json", "model.onnx", "tokenizer.json")
    ]
    here = ModelRepository(tmp_path / "here")
    mirror = Mirror(opened(url), here, keep=2)
    there = mirror.look()
    server.commits.append({})  # what is read is of the commit that was listed
    assert mirror.bring(NAME, there)
    here.verify(here.read(NAME, 1))
    assert server.tokens == {"Bearer hf_geheim"}


def test_a_version_is_never_overwritten_and_a_commit_that_comes_between_is_no_reason_to_fail(
    server, models_dir, tmp_path
):
    remote = opened(f"hf://{REPOSITORY}")
    server.before_commit.append({"README.md": b"hello"})
    push(ModelRepository(models_dir), remote, NAME, None)
    assert server.commits[-1]["README.md"] == b"hello"
    publish_sentiment(tmp_path / "mine", tmp_path / "scratch", description="mine")
    with pytest.raises(AlreadyThere, match="another version 1"):
        push(ModelRepository(tmp_path / "mine"), remote, NAME, None)
    with pytest.raises(AlreadyThere):
        remote.publish(f"{NAME}/1", {}, b"{}")


def test_what_is_not_on_the_hub_is_told(server):
    with pytest.raises(Unreachable, match=r"hf://owner/other: there is none, or HF_TOKEN may not read it"):
        list(opened("hf://owner/other").files())
    with pytest.raises(FileNotFoundError):
        list(opened(f"hf://{REPOSITORY}").chunks("a/1/manifest.json"))
    server.is_closed = True
    with pytest.raises(Unreachable, match="hf://owner/models: the hub answers 403"):
        list(opened(f"hf://{REPOSITORY}").files())
