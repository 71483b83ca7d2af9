import fcntl
import json
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import publish_sentiment
from pydantic import ValidationError
from waiting import eventually

from app.errors import InvalidArtifact
from app.repository.publish import publish
from app.repository.repository import ModelRepository
from app.tensors import TensorSpec


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
    assert os.listdir(tmp_path / "models") == []
    publish_sentiment(tmp_path / "models", tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        publish(tmp_path / "models", "tiny-sentiment", {"model.onnx": tmp_path / "missing"})
    assert os.listdir(tmp_path / "models" / "tiny-sentiment") == ["1"]


def test_what_a_check_refuses_is_not_published(tmp_path):
    """The check is given the very files of the version: the loader of the service, where graphs are added."""
    (tmp_path / "weights").write_bytes(b"w")
    seen = []

    def check(manifest, files):
        seen.append((manifest.version, {name: path.read_bytes() for name, path in files.items()}))
        raise InvalidArtifact("it cannot be loaded")

    fields = {"task": "tensors", "runtime": "onnx", "graphs": {"model": "w"}, "inputs": (), "outputs": ()}
    with pytest.raises(InvalidArtifact, match="it cannot be loaded"):
        publish(tmp_path / "models", "mine", {"w": tmp_path / "weights"}, check=check, **fields)
    assert seen == [(1, {"w": b"w"})]
    assert os.listdir(tmp_path / "models") == []
    assert publish(tmp_path / "models", "mine", {"w": tmp_path / "weights"}, **fields).version == 1


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
        eventually(lambda: seen)  # on a busy machine the other thread has its turn late
    finally:
        done.set()
        watcher.join()


def test_versions_that_are_published_at_one_moment_all_get_a_number(tmp_path):
    together = threading.Barrier(4)

    def meet(manifest, files):
        together.wait(10)

    def one(i):
        source = tmp_path / f"{i}.txt"
        source.write_text(str(i))
        spec = TensorSpec(name="x", datatype="FP32", shape=(1,))
        return publish(
            tmp_path / "models", "crowded", {"model.onnx": source}, check=meet, task="tensors", runtime="onnx",
            graphs={"model": "model.onnx"}, inputs=(spec,), outputs=(spec,),
        )  # fmt: skip

    with ThreadPoolExecutor(4) as pool:
        published = list(pool.map(one, range(4)))
    repository = ModelRepository(tmp_path / "models")
    assert sorted(manifest.version for manifest in published) == [1, 2, 3, 4] == repository.versions("crowded")[::-1]
    for i, manifest in enumerate(published):
        assert repository.read("crowded", manifest.version) == manifest
        assert repository.verify(manifest)["model.onnx"].read_text() == str(i)


def test_what_was_killed_while_it_was_published_is_swept_up_by_the_next(tmp_path):
    model = tmp_path / "models" / "tiny-sentiment"
    for name in (".publishing-killed", ".publishing-at-work", ".publishing-new"):
        (model / name / "card").mkdir(parents=True)
    for name in (".publishing-killed", ".publishing-at-work"):
        os.utime(model / name, (0, 0))
    lock = os.open(model / ".publishing-at-work", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        publish_sentiment(tmp_path / "models", tmp_path / "a")
    finally:
        os.close(lock)
    assert sorted(os.listdir(model)) == [".publishing-at-work", ".publishing-new", "1"]


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
