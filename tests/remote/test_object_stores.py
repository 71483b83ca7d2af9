"""A real S3 server, and two services' worth of models in it: pushed, pulled, raced for, gone."""

import logging
import os
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import botocore.session
import pytest
from conftest import publish_sentiment
from moto.server import ThreadedMotoServer

from app.__main__ import main
from app.remote import objects
from app.remote.listing import versions_of
from app.remote.remote import AlreadyThere, Unreachable, opened
from app.repository.manifest import Manifest
from app.repository.repository import ModelRepository

NAME = "tiny-sentiment"
SECRET = "geheim-geheim"


@pytest.fixture(scope="module")
def endpoint():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def environment(monkeypatch, endpoint):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


@pytest.fixture
def url(endpoint, request):
    """An address in a bucket of its own."""
    bucket = f"bucket-{abs(hash(request.node.name))}"
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{bucket}", method="PUT")).close()
    return f"s3://{bucket}/teams/prod"


def call(monkeypatch, models_dir, *arguments):
    monkeypatch.setenv("TESSERA_MODELS_DIR", str(models_dir))
    return main(["models", *arguments])


def test_what_is_pushed_is_pulled_byte_for_byte(models_dir, tmp_path, url, monkeypatch, capsys):
    assert call(monkeypatch, models_dir, "push", NAME, url) == 0
    assert call(monkeypatch, models_dir, "push", f"{NAME}/1", url) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"pushed {NAME} version 1 to {url}", f"{NAME} version 1 is in {url} already",
    ]  # fmt: skip
    assert call(monkeypatch, tmp_path / "there", "pull", url) == 0
    assert call(monkeypatch, tmp_path / "there", "pull", f"{NAME}/1", url) == 0
    assert capsys.readouterr().out.splitlines() == [f"fetched {NAME}", f"{NAME} version 1 is here already"]
    for path in (models_dir / NAME / "1").iterdir():
        assert (tmp_path / "there" / NAME / "1" / path.name).read_bytes() == path.read_bytes()


def test_a_version_is_never_overwritten(models_dir, tmp_path, url, monkeypatch, capsys):
    call(monkeypatch, models_dir, "push", NAME, url)
    publish_sentiment(tmp_path / "mine", tmp_path / "scratch", description="mine")
    assert call(monkeypatch, tmp_path / "mine", "push", NAME, url) == 1
    assert "has another version 1 of tiny-sentiment, and no version is ever overwritten" in capsys.readouterr().err
    assert call(monkeypatch, tmp_path / "there", "pull", url) == 0
    assert ModelRepository(tmp_path / "there").read(NAME, 1).description == "Counts good and bad words."


def test_of_two_who_push_at_once_one_goes_on_and_readers_see_a_whole_version(tmp_path, url):
    remote = opened(url)
    both = [publish_sentiment(tmp_path / one, tmp_path / "s" / one, description=one) for one in ("a", "b")]
    start = threading.Barrier(2)

    def push(manifest: Manifest) -> str:
        repository = ModelRepository(tmp_path / manifest.description)
        content = (repository.root / NAME / "1" / "manifest.json").read_bytes()
        start.wait(10)
        try:
            remote.publish(f"{NAME}/1", repository.verify(manifest), content)
        except AlreadyThere:
            return ""
        return manifest.description

    with ThreadPoolExecutor(2) as pushers:
        (winner,) = filter(None, pushers.map(push, both))
    found = b"".join(remote.chunks(f"{NAME}/1/manifest.json"))
    assert f'"description": "{winner}"'.encode() in found


def test_a_push_that_was_interrupted_can_be_repeated_and_keeps_others_out(
    models_dir, tmp_path, url, monkeypatch, capsys
):
    files = ModelRepository(models_dir).verify(ModelRepository(models_dir).read(NAME, 1))
    content = (models_dir / NAME / "1" / "manifest.json").read_bytes()
    remote = opened(url)
    with pytest.raises(FileNotFoundError):
        remote.publish(f"{NAME}/1", {**files, "x": tmp_path / "x"}, content)
    assert call(monkeypatch, tmp_path / "there", "pull", url) == 0
    assert ModelRepository(tmp_path / "there").names() == []  # nobody sees half of it
    publish_sentiment(tmp_path / "mine", tmp_path / "scratch", description="mine")
    assert call(monkeypatch, tmp_path / "mine", "push", NAME, url) == 1
    assert "somebody else publishes tiny-sentiment/1, or began to" in capsys.readouterr().err
    remote.publish(f"{NAME}/1", files, content)
    assert call(monkeypatch, tmp_path / "there", "pull", url) == 0
    assert ModelRepository(tmp_path / "there").names() == [NAME]


def test_large_files_go_in_parts(tmp_path, url):
    (tmp_path / "large").write_bytes(os.urandom(12_000_000))
    remote = opened(url)
    remote.publish("large/1", {"model.onnx": tmp_path / "large"}, b"{}")
    assert b"".join(remote.chunks("large/1/model.onnx")) == (tmp_path / "large").read_bytes()
    assert {one.path: one.size for one in remote.files("large")}["large/1/model.onnx"] == 12_000_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Connection refused"),
        ({}, "NoSuchBucket"),
    ],
)
def test_a_store_that_does_not_answer_is_told_without_secrets(change, words, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(objects, "RETRIES", {"max_retries": 0})
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    assert call(monkeypatch, tmp_path, "pull", "s3://no-such-bucket/a") == 1
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert SECRET not in said
    assert "?" not in said


def test_credentials_that_are_not_there_are_named(monkeypatch):
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ValueError, match="az://container/a cannot be used: Account must be specified"):
        opened("az://container/a")


def test_a_library_that_is_not_there_is_named_with_its_extra(monkeypatch):
    monkeypatch.delitem(sys.modules, "app.remote.objects")
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ValueError, match=r"s3://a needs obstore, which is missing: pip install 'tessera\[remote\]'"):
        opened("s3://a")


def test_a_file_that_is_gone_is_a_file_that_is_gone(url):
    with pytest.raises(FileNotFoundError):
        list(opened(url).chunks("a/1/b"))


def test_a_command_needs_one_address_and_names_that_are_names(tmp_path, monkeypatch, capsys):
    assert call(monkeypatch, tmp_path, "pull") == 1
    assert call(monkeypatch, tmp_path, "pull", "s3://a", "s3://b") == 1
    assert call(monkeypatch, tmp_path, "push", "a/b", "s3://a") == 1
    assert call(monkeypatch, tmp_path, "push", "nobody", "s3://a") == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == said[1] == "error: name one store, such as s3://bucket/folder, here or in TESSERA_MODELS_URL"
    assert said[2] == "error: 'a/b' is neither a model's name nor NAME/VERSION, such as digits-cnn/2"
    assert "there is no model nobody" in said[3]


@pytest.mark.parametrize("key", ["strange//1/manifest.json", "strange/../manifest.json", "/1/x", "../1/manifest.json"])
def test_what_others_named_so_that_it_is_no_path_keeps_nobody_from_what_lies_beside_it(url, key, endpoint, caplog):
    bucket, _, folder = url.removeprefix("s3://").partition("/")
    client = botocore.session.get_session().create_client("s3", endpoint_url=endpoint)
    for one in (f"{NAME}/1/manifest.json", key):
        client.put_object(Bucket=bucket, Key=f"{folder}/{one}", Body=b"{}")
    store = opened(url)
    for _ in range(2):
        assert [*versions_of(store)] == [NAME]
    assert caplog.text.count("is passed over") == 1


def test_a_claim_that_cannot_be_made_publishes_nothing(url, tmp_path, monkeypatch):
    """A store that cannot refuse to overwrite could not keep two apart."""
    remote = opened(url)
    monkeypatch.setattr(objects.obstore, "put", refuse)
    with pytest.raises(Unreachable, match="cannot refuse to overwrite, so nothing is published"):
        remote.publish("a/1", {}, b"{}")


def refuse(*args, **options):
    raise objects.NotSupportedError("Not implemented")
