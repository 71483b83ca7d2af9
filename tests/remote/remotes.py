"""A store in memory that misbehaves on request, and a repository that is kept up with it."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from conftest import publish_sentiment

from app.remote.address import Address
from app.remote.remote import AlreadyThere, RemoteFile, Unreachable
from app.repository.repository import ModelRepository

NAME = "tiny-sentiment"


class StoreInMemory:
    """`content` is by path. `sizes` are told instead of the true ones; `reading` is called before each read."""

    address = Address("s3", "hostile", "models")

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.sizes: dict[str, int] = {}
        self.reads: list[str] = []
        self.reading: Callable[[str], object] = lambda path: None
        self.is_away = False

    def hold(self, folder: Path) -> None:
        """Take every version of a repository."""
        for path in folder.rglob("*"):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                self.content[path.relative_to(folder).as_posix()] = path.read_bytes()

    def files(self, folder: str = "") -> Iterator[RemoteFile]:
        self._require()
        for path, content in list(self.content.items()):
            if not folder or path.startswith(f"{folder}/"):
                yield RemoteFile(path, self.sizes.get(path, len(content)), str(hash(content)))

    def chunks(self, path: str) -> Iterator[bytes]:
        self._require()
        self.reading(path)
        self.reads.append(path)
        if path not in self.content:
            raise FileNotFoundError(path)
        content = self.content[path]
        yield from (content[i : i + 1000] for i in range(0, len(content), 1000))

    def publish(self, folder: str, files: Mapping[str, Path], manifest: bytes) -> None:
        if f"{folder}/manifest.json" in self.content:
            raise AlreadyThere(folder)
        self.content |= {f"{folder}/{name}": file.read_bytes() for name, file in files.items()}
        self.content[f"{folder}/manifest.json"] = manifest

    def _require(self) -> None:
        if self.is_away:
            raise Unreachable("s3://hostile/models: nobody answers")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A repository with four versions of a model."""
    root = tmp_path_factory.mktemp("published")
    for i in range(4):
        publish_sentiment(root / "models", root / str(i))
    return root / "models"


@pytest.fixture
def store(published):
    store = StoreInMemory()
    store.hold(published)
    return store


@pytest.fixture
def here(tmp_path):
    return ModelRepository(tmp_path / "here")


def brought(mirror, **given):
    there = mirror.look()
    return [mirror.bring(name, there, **given) for name in sorted(there)]


def change(store, version, **fields):
    path = f"{NAME}/{version}/manifest.json"
    store.content[path] = json.dumps({**json.loads(store.content[path]), **fields}).encode()


def files_of(store, version):
    return json.loads(store.content[f"{NAME}/{version}/manifest.json"])["files"]
