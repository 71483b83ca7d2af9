import json
import os
import shutil
import threading

import pytest
from conftest import publish_sentiment
from pydantic import ValidationError

from app.errors import InvalidArtifact
from app.repository.publish import publish
from app.repository.repository import ModelRepository


def test_versions_count_up_and_hold_what_was_given(tmp_path):
    first = publish_sentiment(tmp_path / "models", tmp_path / "a")
    second = publish_sentiment(tmp_path / "models", tmp_path / "b")
    assert (first.version, second.version) == (1, 2)
    repository = ModelRepository(tmp_path / "models")
    assert repository.names() == ["tiny-sentiment"]
    assert repository.versions("tiny-sentiment") == [2, 1]
    assert repository.read("tiny-sentiment", 2) == second
    assert set(repository.verify(second)) == {"model.onnx", "tokenizer.json"}


def test_a_failure_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValidationError):
        publish_sentiment(tmp_path / "models", tmp_path / "a", runtime="pickle")
    with pytest.raises(FileNotFoundError):
        publish(tmp_path / "models", "tiny-sentiment", {"model.onnx": tmp_path / "missing"})
    assert os.listdir(tmp_path / "models" / "tiny-sentiment") == []


@pytest.mark.parametrize("name", ["Not A Name", "../elsewhere", "", ".hidden", "a/b", "café"])
def test_a_name_that_is_none_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(InvalidArtifact, match="is not a model name"):
        publish_sentiment(tmp_path / "models", tmp_path / "a", name=name)
    assert os.listdir(tmp_path) == ["a"]


def test_a_reader_never_sees_half_a_version(tmp_path):
    repository, seen, done = ModelRepository(tmp_path / "models"), [], threading.Event()

    def watch():
        while not done.is_set():
            for version in repository.versions("tiny-sentiment"):
                manifest = repository.read("tiny-sentiment", version)
                repository.verify(manifest)
                seen.append(version)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for i in range(10):
            publish_sentiment(tmp_path / "models", tmp_path / str(i))
    finally:
        done.set()
        watcher.join()
    assert seen


def test_folders_that_are_no_version_are_passed_over(tmp_path):
    manifest = publish_sentiment(tmp_path / "models", tmp_path / "a")
    model = tmp_path / "models" / "tiny-sentiment"
    for name in (".publishing-x", "latest", "-1", "²", "٣", "0", "01", "1.0", "1" * 19, "3"):
        (model / name).mkdir()
    shutil.copytree(model / "1", model / "001")
    (model / "notes.txt").write_text("not a folder")
    assert ModelRepository(tmp_path / "models").versions("tiny-sentiment") == [manifest.version]


def test_the_manifest_is_json_that_a_person_can_read(tmp_path):
    publish_sentiment(tmp_path / "models", tmp_path / "a")
    text = (tmp_path / "models" / "tiny-sentiment" / "1" / "manifest.json").read_text()
    assert json.loads(text)["files"]["model.onnx"]["sha256"]
    assert text.count("\n") > 20
