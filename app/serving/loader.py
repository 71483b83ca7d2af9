"""Bring a version from disk into memory: verified, warm, and answering as it should. Knows nothing of what is live."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from app.errors import InvalidArtifact, ModelNotReady
from app.repository.manifest import Manifest
from app.repository.of_steps import ManifestOfSteps
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.loading import Loaded, load
from app.serving.new_plans import NewPlans
from app.serving.plan import hardware_of, read_plan
from app.serving.worker import WorkerDied, WorkerHangs, call_aside

Result = TypeVar("Result")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A version in memory, with the fingerprint of its manifest and plan, and what people read of it, by file."""

    manifest: Manifest
    fingerprint: str
    card: Mapping[str, bytes]
    loaded: Loaded | None
    """None of a version that has steps, which are in memory, and of what is in the memory of another."""


class Loads(Protocol):
    """Knows what a repository holds, and brings versions of it to where they can answer."""

    @property
    def patience_s(self) -> float:
        """Return how many seconds a load that begins now keeps the next one waiting."""
        ...

    async def published(self) -> dict[str, list[int]]:
        """Return the versions of every model, newest first. Raises ModelNotReady if they cannot be read."""
        ...

    async def fingerprints(self, name: str) -> dict[int, str]:
        """Return what tells one content of a version from another, of each, newest first. Raises ModelNotReady."""
        ...

    async def load(self, name: str, version: int) -> Opened:
        """Raises InvalidArtifact, and whatever else goes wrong."""
        ...


class Loader:
    """Load versions, each on a thread of its own: one that hangs there keeps nobody waiting, and not the process.

    They load one at a time, because each is measured. But one that takes longer than `patience_s` keeps the others no
    more: that is `turn_s` at first, and the less, the more loads hang already.
    """

    def __init__(
        self, repository: ModelRepository, options: RuntimeOptions, *, timeout_s: float, turn_s: float
    ) -> None:
        self._turn_s = turn_s
        self._repository = repository
        self._options = options
        self._plans = NewPlans(repository.root, options)
        self._timeout_s = timeout_s
        self._one_at_a_time = asyncio.Semaphore()
        self._num_overdue = 0

    @property
    def patience_s(self) -> float:
        """Return how many seconds a load that begins now keeps the next one waiting."""
        return self._turn_s / (1 + self._num_overdue)

    async def published(self) -> dict[str, list[int]]:
        """Return the versions of every model on disk, newest first. Raises ModelNotReady if it cannot be read."""
        return await self._read(self._repository.published)

    async def fingerprints(self, name: str) -> dict[int, str]:
        """Return what tells one content of a version, or one plan for it, from another, of each version, newest first.

        Raises ModelNotReady if the disk cannot be read.
        """
        return await self._read(lambda: {one: self._fingerprint(name, one) for one in self._repository.versions(name)})

    def _fingerprint(self, name: str, version: int) -> str:
        content = self._repository.fingerprint(name, version)
        try:
            return content + self._plans.mark(self._repository.read(name, version))
        except InvalidArtifact:  # which is told when it is loaded
            return content

    async def load(self, name: str, version: int) -> Opened:
        """Raises InvalidArtifact, also when the time for loading is over, and whatever else goes wrong."""
        async with self._turn():
            try:
                return await call_aside(partial(self._load, name, version), self._timeout_s, f"{name}/{version}")
            except WorkerHangs as error:
                raise InvalidArtifact(f"it was not loaded in {self._timeout_s:g} s (TESSERA_LOAD_TIMEOUT_S)") from error

    def _load(self, name: str, version: int) -> Opened:
        # The fingerprint first: whatever changes after it is seen at the next load.
        fingerprint, manifest = self._fingerprint(name, version), self._repository.read(name, version)
        loaded = self._open(manifest)
        card = (manifest.card.markdown, *manifest.card.pictures) if manifest.card else ()
        files = {file: self._repository.read_file(manifest, file) for file in card}
        return Opened(manifest, fingerprint, files, loaded)

    def _open(self, manifest: Manifest) -> Loaded | None:
        if isinstance(manifest, ManifestOfSteps):
            self._repository.verify(manifest)
            return None
        plan = read_plan(self._repository.root / manifest.name, manifest, hardware_of(manifest, self._options))
        return load(manifest, lambda: self._repository.verify(manifest), self._options, plan)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        await self._one_at_a_time.acquire()
        with ExitStack() as turn, ExitStack() as overtime:
            turn.callback(self._one_at_a_time.release)

            def end() -> None:
                turn.close()
                self._num_overdue += 1
                overtime.callback(self._no_longer_overdue)

            timer = asyncio.get_running_loop().call_later(self.patience_s, end)
            overtime.callback(timer.cancel)
            yield

    def _no_longer_overdue(self) -> None:
        self._num_overdue -= 1

    async def _read(self, function: Callable[[], Result]) -> Result:
        try:
            return await call_aside(function, self._timeout_s, "repository")
        except (OSError, WorkerDied) as error:
            log.error("the repository cannot be read: %s", error)
            raise ModelNotReady("the model repository cannot be read just now; what is loaded stays as it is") from None
