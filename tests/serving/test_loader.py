"""Loading one version after another, and reading the repository, each on a thread of its own."""

import asyncio
from threading import Event

import pytest

from app.errors import InvalidArtifact, ModelNotReady
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.loader import Loader

NAME = "tiny-sentiment"


def loader(root, **settings: float) -> Loader:
    options = RuntimeOptions(device="cpu")
    return Loader(ModelRepository(root), options, **{"timeout_s": 20.0, "turn_s": 5.0, **settings})


def test_what_is_loaded_comes_with_its_fingerprint_and_what_people_read(models_dir):
    async def main():
        one = loader(models_dir)
        assert await one.published() == {NAME: [1]}
        return await one.load(NAME, 1), await one.fingerprints(NAME)

    opened, fingerprints = asyncio.run(main())
    assert {1: opened.fingerprint} == fingerprints
    assert opened.loaded.manifest.name == NAME
    assert opened.card == {}


def test_a_version_that_takes_too_long_is_not_loaded(models_dir):
    with pytest.raises(InvalidArtifact, match=r"it was not loaded in 0\.0001 s \(TESSERA_LOAD_TIMEOUT_S\)"):
        asyncio.run(loader(models_dir, timeout_s=0.0001).load(NAME, 1))


class Hanging(ModelRepository):
    """A disk that does not answer until `found` is set."""

    found = Event()

    def published(self) -> dict[str, list[int]]:
        self.found.wait(20)
        return super().published()


def test_a_repository_that_cannot_be_read_is_not_taken_for_an_empty_one(models_dir):
    async def main():
        try:
            await Loader(Hanging(models_dir), RuntimeOptions(device="cpu"), timeout_s=0.05, turn_s=5.0).published()
        finally:
            Hanging.found.set()

    with pytest.raises(ModelNotReady, match="cannot be read just now; what is loaded stays as it is"):
        asyncio.run(main())
