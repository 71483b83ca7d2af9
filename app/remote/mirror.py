"""Keep in the repository what is needed of a store: the newest versions of each model, and what pipelines ask."""

import logging
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from app.errors import InvalidArtifact
from app.remote.fetching import MARKED, fetch
from app.remote.listing import ListedVersion, Versions, read_manifest, versions_of
from app.remote.remote import Remote, RemoteFile, Unreachable
from app.repository.of_steps import ManifestOfSteps, PinnedStep
from app.repository.publish import MANIFEST, sha256_of
from app.repository.repository import ModelRepository
from app.repository.unfinished import UNFINISHED

log = logging.getLogger(__name__)

MOST_IN_VAIN = 20  # versions of one model, newest first, that are refused or fail their checks


class ReadManifest(NamedTuple):
    """The words of a manifest in the store, and the file that had them."""

    file: RemoteFile
    digest: str
    steps: tuple[PinnedStep, ...]


class Mirror:
    """Fetches what is missing, and removes what it fetched once and nobody needs any more. Blocks; for threads.

    `failures` has, by model and version, why one is not fetched. One that is not what its manifest says is tried again
    when it is written anew. Several threads may ask; at worst they fetch the same twice.
    """

    def __init__(self, remote: Remote, repository: ModelRepository, *, keep: int) -> None:
        """Of each model that the repository serves, the newest `keep` versions are needed."""
        self.remote = remote
        self.failures: dict[str, dict[int, str]] = {}
        self._repository, self._keep = repository, keep
        self._known: dict[tuple[str, int], ReadManifest] = {}
        self._refused: dict[tuple[str, int], object] = {}

    def look(self, name: str = "") -> Versions:
        """Return what the store has of all models that are served here, or of one.

        Raises Unreachable, and InvalidArtifact for a store that holds too much to be one of models.
        """
        found = versions_of(self.remote, name)
        found = {name: versions for name, versions in found.items() if self._repository.serves(name)}
        if not name:  # what is no longer there is forgotten
            for key in [key for key in [*self._known] if key[1] not in found.get(key[0], {})]:
                self._known.pop(key, None)
            self.failures = {name: told for name, told in [*self.failures.items()] if name in found}
        return found

    def bring(
        self, name: str, there: Versions, passed_over: Collection[int] = (), live: Collection[int] | None = None
    ) -> bool:
        """Fetch what is missing of a model, and what it asks if it is a pipeline; return whether there was something.

        Versions that are `passed_over`, since they failed their checks here, are made up for by older ones. Nothing is
        removed that is `live`, and without `live` nothing at all. Raises Unreachable.
        """
        told, needed, is_news, in_vain = dict[int, str](), list[int](), False, 0
        for version, listed in sorted(there.get(name, {}).items(), reverse=True):
            if len(needed) == self._keep or in_vain == MOST_IN_VAIN:
                break
            try:
                is_news |= self._have(listed, there)
                if version in passed_over:
                    in_vain += 1
                else:
                    needed.append(version)
            except InvalidArtifact as error:
                told[version], in_vain = str(error), in_vain + 1
                if self.failures.get(name, {}).get(version) != told[version]:
                    log.error("%s version %d is not fetched: %s", name, version, error)
        self.failures[name] = told
        if live is not None and len(needed) == self._keep:
            self._remove_older(name, min(needed), live)
        return is_news

    def try_again(self, name: str) -> None:
        """Forget which versions of a model were refused."""
        for key in [key for key in [*self._refused] if key[0] == name]:
            self._refused.pop(key, None)

    def exactly(self, name: str, version: int, there: Versions) -> bool:
        """Fetch one version, if it is missing, and what it asks. Raises InvalidArtifact and Unreachable."""
        listed = there.get(name, {}).get(version)
        if listed is None:
            raise InvalidArtifact(f"{self.remote.address} has no version {version} of {name}")
        return self._have(listed, there)

    def _have(self, listed: ListedVersion, there: Versions) -> bool:
        is_news = False
        for step in self._understood(listed).steps:
            with suppress(InvalidArtifact):  # which the pipeline tells when it is loaded
                is_news |= self._have_step(step, there)
        return self._have_alone(listed) or is_news

    def _have_step(self, step: PinnedStep, there: Versions) -> bool:
        is_here = (self._repository.root / step.model / str(step.version) / MANIFEST).is_file()
        if is_here or not self._repository.serves(step.model):
            return False
        versions = there.get(step.model) or self.look(step.model).get(step.model, {})
        return step.version in versions and self._have_alone(versions[step.version])

    def _have_alone(self, listed: ListedVersion) -> bool:
        if self._is_here(listed):
            return False
        try:
            with self._unless_refused(listed):
                log.info("fetching %s version %d from %s", listed.name, listed.version, self.remote.address)
                manifest, content = read_manifest(self.remote, listed)
                is_first = fetch(self.remote, listed, manifest, content, self._repository.root)
        except Unreachable:
            raise
        except OSError as error:  # of the disk here, which may have room again
            raise InvalidArtifact(f"it cannot be kept in {self._repository.root}: {error.strerror}") from error
        if not is_first and not self._is_here(listed):
            raise InvalidArtifact(f"a folder {listed.folder} is here that is no version, and stays")
        return is_first

    @contextmanager
    def _unless_refused(self, listed: ListedVersion) -> Iterator[None]:
        """Raises InvalidArtifact for what was refused before; what is refused inside is remembered."""
        key = listed.name, listed.version
        match self._refused.get(key):
            case (mark, str(words)) if mark == listed.mark:
                raise InvalidArtifact(words)
        try:
            yield
        except InvalidArtifact as error:
            self._refused[key] = listed.mark, str(error)
            raise

    def _understood(self, listed: ListedVersion) -> ReadManifest:
        key, file = (listed.name, listed.version), listed.files[MANIFEST]
        known = self._known.get(key)
        if known is None or known.file != file:
            with self._unless_refused(listed):
                manifest, content = read_manifest(self.remote, listed)
            steps = manifest.steps if isinstance(manifest, ManifestOfSteps) else ()
            known = self._known[key] = ReadManifest(file, sha256(content).hexdigest(), steps)
        return known

    def _is_here(self, listed: ListedVersion) -> bool:
        try:
            digest = sha256_of(self._repository.root / listed.folder / MANIFEST)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise InvalidArtifact(f"{listed.folder} cannot be read here: {error.strerror}") from error
        if digest != self._understood(listed).digest:
            raise InvalidArtifact("another version of this number is here, and stays; publish this one anew")
        return True

    def _remove_older(self, name: str, oldest: int, live: Collection[int]) -> None:
        """Remove what was fetched here, is older than what is needed, and is asked by no pipeline."""
        folder = self._repository.root / name
        marks = {int(found[1]): path for path in folder.iterdir() if (found := MARKED.fullmatch(path.name))}
        old = {version for version in marks if version < oldest and version not in live}
        for version in old - self._pinned(name) if old else ():
            _remove(folder / str(version), marks[version])

    def _pinned(self, name: str) -> set[int]:
        found = set()
        for pipeline, versions in self._repository.published().items():
            for version in versions:
                with suppress(InvalidArtifact):
                    manifest = self._repository.read(pipeline, version)
                    if isinstance(manifest, ManifestOfSteps):
                        found |= {step.version for step in manifest.steps if step.model == name}
        return found


def _remove(version: Path, mark: Path) -> None:
    with suppress(OSError):
        is_fetched = not (version / MANIFEST).is_file() or sha256_of(version / MANIFEST) == mark.read_text()
        if is_fetched and version.is_dir():  # by a rename, so that nobody reads half of it
            going = version.with_name(f"{UNFINISHED}removed-{version.name}")
            os.rename(version, going)
            shutil.rmtree(going, ignore_errors=True)
            log.info("%s version %s is no longer needed, and is removed", version.parent.name, version.name)
        mark.unlink()
