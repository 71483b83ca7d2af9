"""A store that holds what it should not: nothing of it comes here, and what is right makes up for it."""

import os

import pytest
from remotes import NAME, StoreInMemory, brought, change, files_of, here, published, store

from app.errors import InvalidArtifact
from app.remote.listing import MOST_FILES
from app.remote.mirror import MOST_IN_VAIN, Mirror
from app.remote.remote import RemoteFile, Unreachable

__all__ = ["here", "published", "store"]

MODEL, TOKENIZER, MANIFEST = (f"{NAME}/4/{file}" for file in ("model.onnx", "tokenizer.json", "manifest.json"))


def also_lists(name):
    """The manifest lists one more file, which is there."""

    def spoil(store):
        files = files_of(store, 4)
        change(store, 4, files={**files, name: files["model.onnx"]})
        store.content[f"{NAME}/4/{name}"] = store.content[MODEL]

    return spoil


def holds(path, content, *, in_secret=False):
    """A file has other content; `in_secret`, the store tells the size that it should have."""

    def spoil(store):
        if in_secret:
            store.sizes[path] = len(store.content[path])
        store.content[path] = content

    return spoil


def lists_itself(store):
    change(store, 4, files={"manifest.json": files_of(store, 4)["model.onnx"]})


def another_word(store):
    store.content[TOKENIZER] = store.content[TOKENIZER].replace(b"good", b"goon")


HOSTILE = {
    "a-path-that-leads-out": (also_lists("../../escaped"), "is no path of a file"),
    "an-absolute-path": (also_lists("/etc/x"), "is no path of a file"),
    "a-crooked-path": (also_lists("a/./b"), "is no path of a file"),
    "a-path-with-a-line-feed": (also_lists("a\nb"), "is no path of a file"),
    "a-file-in-a-file": (also_lists("model.onnx/x"), "lies in what it lists as a file"),
    "its-own-manifest": (lists_itself, "is no path of a file"),
    "another-model": (lambda store: change(store, 4, name="somebody-else"), "is that of somebody-else"),
    "no-json": (holds(MANIFEST, b"{"), "Invalid JSON"),
    "a-huge-manifest": (holds(MANIFEST, b" " * 8_000_001), "more than 8000000 bytes"),
    "a-missing-file": (lambda store: store.content.pop(MODEL), "is not there"),
    "another-size": (holds(MODEL, b"short"), "has 5 bytes and should have"),
    "a-truncated-file": (holds(MODEL, b"short", in_secret=True), "has 5 bytes, and should have"),
    "a-file-without-end": (holds(MODEL, b"x" * 100_000, in_secret=True), "has more bytes than"),
    "another-content": (another_word, "has sha256"),
}  # fmt: skip


@pytest.mark.parametrize("fault", HOSTILE)
def test_a_version_that_is_not_what_it_says_leaves_nothing_and_an_older_one_makes_up_for_it(fault, store, here):
    spoil, words = HOSTILE[fault]
    spoil(store)
    mirror = Mirror(store, here, keep=1)
    brought(mirror)
    assert words in mirror.failures[NAME][4]
    assert here.versions(NAME) == [3]
    assert sorted(os.listdir(here.root / NAME)) == [".mirrored-3", "3"]
    assert os.listdir(here.root) == [NAME]
    store.reads.clear()
    brought(mirror)
    assert store.reads == []  # it is not tried again, until it is written anew
    assert words in mirror.failures[NAME][4]


def test_a_file_that_changes_between_the_list_and_the_reading_is_noticed_and_tried_when_it_is_right(store, here):
    path = f"{NAME}/4/model.onnx"
    right = store.content[path]
    mirror = Mirror(store, here, keep=1)
    store.reading = lambda read: store.content.update({path: b"\0" * len(right)}) if read == path else None
    brought(mirror)
    assert "has sha256" in mirror.failures[NAME][4]
    store.reading = lambda read: None
    store.content[path] = right
    mirror.try_again(NAME)
    brought(mirror)
    assert (mirror.failures[NAME], here.versions(NAME)) == ({}, [4, 3])


def test_a_file_that_goes_while_it_is_fetched_is_told(store, here):
    path = f"{NAME}/4/tokenizer.json"
    mirror = Mirror(store, here, keep=1)
    store.reading = lambda read: store.content.pop(path, None) if read.endswith("model.onnx") else None
    brought(mirror)
    assert mirror.failures[NAME][4] == "tokenizer.json is gone from s3://hostile/models"


def test_a_store_that_goes_away_half_way_leaves_what_is_whole(store, here):
    def leave(path):
        if path == f"{NAME}/3/model.onnx":
            raise Unreachable("the line is cut")

    store.reading = leave
    with pytest.raises(Unreachable):
        brought(Mirror(store, here, keep=2))
    assert here.versions(NAME) == [4]
    assert sorted(os.listdir(here.root / NAME)) == [".mirrored-4", "4"]


def test_of_thousands_of_bad_versions_few_are_looked_at(store, here):
    for version in range(5, 1000):
        store.content[f"{NAME}/{version}/manifest.json"] = b"{}"
    mirror = Mirror(store, here, keep=1)
    brought(mirror)
    assert len(mirror.failures[NAME]) == len(store.reads) == MOST_IN_VAIN


def test_a_store_of_too_many_files_is_none_of_models(here):
    store = StoreInMemory()
    store.files = lambda folder="": (RemoteFile(f"a/{i}", 1, "") for i in range(MOST_FILES + 1))
    with pytest.raises(InvalidArtifact, match="name the folder of models"):
        Mirror(store, here, keep=1).look()
