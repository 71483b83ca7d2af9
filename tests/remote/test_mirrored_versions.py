"""A repository that is kept up with a store: what is fetched, what is kept, what goes."""

import errno
import os
import shutil
from typing import NamedTuple

import pytest
from conftest import publish_sentiment
from remotes import NAME, brought, change, here, published, store

from app.remote.address import address_of
from app.remote.folder import FolderRemote
from app.remote.listing import versions_of
from app.remote.mirror import Mirror
from app.remote.remote import Unreachable
from app.repository.cascade import CascadeManifest, CascadeStep
from app.repository.pipeline import PipelineManifest, Step
from app.repository.publish import publish
from app.repository.repository import ModelRepository

__all__ = ["here", "published", "store"]


class Free(NamedTuple):
    free: int


def test_the_newest_versions_are_fetched_whole_and_once(store, here):
    mirror = Mirror(store, here, keep=2)
    assert brought(mirror) == [True]
    assert here.versions(NAME) == [4, 3]
    assert set(here.verify(here.read(NAME, 4))) == {"model.onnx", "tokenizer.json"}
    store.reads.clear()
    assert brought(mirror) == [False]
    assert store.reads == []


def test_a_version_whose_manifest_is_not_written_yet_does_not_count(store, here):
    del store.content[f"{NAME}/4/manifest.json"]
    brought(Mirror(store, here, keep=1))
    assert here.versions(NAME) == [3]


def test_other_files_of_a_store_are_no_models(store, here):
    for path in (
        "README.md",
        "Not A Name/1/manifest.json",
        f"{NAME}/007/manifest.json",
        f"{NAME}/latest/manifest.json",
    ):
        store.content[path] = b"{}"
    assert sorted(Mirror(store, here, keep=1).look()[NAME]) == [1, 2, 3, 4]


def test_a_version_that_is_too_large_for_the_disk_is_not_begun_and_tried_again(store, here, monkeypatch):
    mirror = Mirror(store, here, keep=1)
    with monkeypatch.context() as patched:
        patched.setattr("app.remote.fetching.shutil.disk_usage", lambda path: Free(10))
        brought(mirror)
    assert "there is room for 10" in mirror.failures[NAME][4]
    assert not any(path.endswith("model.onnx") for path in store.reads)
    brought(mirror)
    assert here.versions(NAME) == [4]


def test_a_disk_that_becomes_full_leaves_nothing_half_written_and_is_tried_again(store, here):
    mirror = Mirror(store, here, keep=1)

    def full(path):
        if path.endswith("model.onnx"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store.reading = full
    brought(mirror)
    assert "No space left on device" in mirror.failures[NAME][4]
    assert not any(path.name.startswith(".publishing") for path in here.root.rglob("*"))
    store.reading = lambda path: None
    brought(mirror)
    assert here.versions(NAME) == [4]


def test_what_is_here_under_the_same_number_is_never_overwritten(store, here, tmp_path):
    publish_sentiment(here.root, tmp_path / "own", description="my own")
    before = (here.root / NAME / "1" / "manifest.json").read_bytes()
    mirror = Mirror(store, here, keep=4)
    brought(mirror)
    assert "another version of this number is here" in mirror.failures[NAME][1]
    assert (here.root / NAME / "1" / "manifest.json").read_bytes() == before


def test_a_version_that_was_overwritten_in_the_store_is_told_and_what_is_here_stays(store, here):
    mirror = Mirror(store, here, keep=1)
    brought(mirror)
    change(store, 4, description="in place")
    brought(mirror)
    assert "another version of this number is here" in mirror.failures[NAME][4]
    assert here.read(NAME, 4).description == "Counts good and bad words."


def test_what_was_fetched_goes_when_newer_ones_are_here_unless_it_is_live_or_asked_by_a_pipeline(store, here, tmp_path):
    brought(Mirror(store, here, keep=4))
    publish_pipeline(here.root, version=1)
    own = publish_sentiment(here.root, tmp_path / "own")  # version 5, which nobody fetched
    assert brought(Mirror(store, here, keep=1), live={3}) == [False]
    assert here.versions(NAME) == [own.version, 4, 3, 1]
    assert brought(Mirror(store, here, keep=1), live=set()) == [False]
    assert here.versions(NAME) == [own.version, 4, 1]
    assert sorted(os.listdir(here.root / NAME)) == [".mirrored-1", ".mirrored-4", "1", "4", "5"]


def test_versions_that_failed_their_checks_here_are_made_up_for(store, here):
    brought(Mirror(store, here, keep=1), passed_over={4, 3}, live={2})
    assert here.versions(NAME) == [4, 3, 2]


def publish_pipeline(root, version):
    steps = [
        Step(name="first", model=NAME, version=version, task="text-classification"),
        Step(name="second", model=NAME, version=version, task="text-classification", inputs={"text": "first.0.label"}),
    ]
    publish(root, "twice", {}, kind=PipelineManifest, steps=steps)


def publish_cascade(root, version):
    small = CascadeStep(name="small", model=NAME, version=version, enough=0.9)
    large = CascadeStep(name="large", model=NAME, version=version)
    publish(root, "twice", {}, kind=CascadeManifest, task="text-classification", steps=(small, large))


@pytest.mark.parametrize("publish_steps", [publish_pipeline, publish_cascade])
def test_a_version_with_steps_brings_the_versions_that_it_asks(published, here, tmp_path, publish_steps):
    shutil.copytree(published, tmp_path / "with-steps")
    publish_steps(tmp_path / "with-steps", version=1)
    store = FolderRemote(address_of(f"file://{tmp_path}/with-steps"))
    mirror = Mirror(store, here, keep=1)
    mirror.bring("twice", mirror.look("twice"))  # as when it is to be loaded
    assert here.published() == {NAME: [1], "twice": [1]}
    brought(mirror, live=set())
    assert here.versions(NAME) == [4, 1]


def test_only_models_that_are_served_are_fetched(store, tmp_path):
    store.content["other/1/manifest.json"] = b"{}"
    publish_pipeline(tmp_path / "p", version=1)
    store.hold(tmp_path / "p")
    here = ModelRepository(tmp_path / "here", only=["twice"])
    mirror = Mirror(store, here, keep=1)
    assert list(mirror.look()) == ["twice"]
    brought(mirror)
    assert os.listdir(here.root) == ["twice"]


def test_links_in_a_folder_elsewhere_are_not_followed(published, here, tmp_path):
    shutil.copytree(published, tmp_path / "linked")
    model = tmp_path / "linked" / NAME / "4" / "model.onnx"
    model.rename(tmp_path / "secret")
    model.symlink_to(tmp_path / "secret")
    (tmp_path / "linked" / "other").symlink_to(tmp_path / "linked" / NAME)
    remote = FolderRemote(address_of(f"file://{tmp_path}/linked"))
    mirror = Mirror(remote, here, keep=1)
    brought(mirror)
    assert list(here.published()) == [NAME]
    assert mirror.failures[NAME][4] == "model.onnx is listed in manifest.json and is not there"
    with pytest.raises(FileNotFoundError, match="is a link"):
        list(remote.chunks(f"{NAME}/4/model.onnx"))


def test_a_folder_that_is_not_there_is_unreachable(here, tmp_path):
    with pytest.raises(Unreachable, match="No such file"):
        Mirror(FolderRemote(address_of(f"file://{tmp_path}/nowhere")), here, keep=1).look()


def test_a_folder_that_may_not_be_read_keeps_nobody_from_those_beside_it(published, monkeypatch, caplog):
    scandir, root = os.scandir, str(published)
    closed = {f"{root}/{NAME}/3"}

    def refusing(path):
        if str(path) in closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    remote = FolderRemote(address_of(f"file://{root}"))
    for _ in range(2):
        assert sorted(versions_of(remote)[NAME]) == [1, 2, 4]
    assert caplog.text.count("may not be read, and is passed over") == 1
    closed.add(root)
    with pytest.raises(Unreachable, match="Permission denied"):
        versions_of(remote)
