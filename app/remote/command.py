"""`python -m app models push` and `pull`: versions go to a store, or come from it, once."""

import sys
from collections.abc import Sequence

from app.errors import InvalidArtifact
from app.remote.listing import read_manifest, versions_of
from app.remote.mirror import Mirror
from app.remote.remote import AlreadyThere, Remote
from app.repository.of_steps import ManifestOfSteps
from app.repository.publish import MANIFEST
from app.repository.repository import ModelRepository


def pull(mirror: Mirror, names: Sequence[str]) -> int:
    """Fetch the newest versions of the models named, or the very one of NAME/VERSION; of all, if none is named.

    Returns 1 if one could not be fetched; the others are fetched all the same. Raises Unreachable and InvalidArtifact.
    """
    there = mirror.look()
    wanted = [name_and_version(one) for one in names] or [(name, None) for name in sorted(there)]
    failures: list[str] = []
    for name, version in wanted:
        if not there.get(name):
            failures.append(f"{mirror.remote.address} has no model {name}")
        elif version is None:
            _say(mirror.bring(name, there), name)
            failures += [f"{name} version {one}: {why}" for one, why in mirror.failures.get(name, {}).items()]
        else:
            try:
                _say(mirror.exactly(name, version, there), f"{name} version {version}")
            except InvalidArtifact as error:
                failures.append(f"{name} version {version}: {error}")
    for one in failures:
        print(f"error: {one}", file=sys.stderr)
    return 1 if failures else 0


def push(repository: ModelRepository, remote: Remote, name: str, version: int | None) -> None:
    """Publish a version in a store, the newest of the model if none is named; of a pipeline the steps go first.

    What is there already, byte for byte, stays as it is. Raises InvalidArtifact, AlreadyThere and Unreachable.
    """
    if version is None and not (versions := repository.versions(name)):
        raise InvalidArtifact(f"there is no model {name} in {repository.root}")
    version = version or versions[0]
    manifest = repository.read(name, version)
    if isinstance(manifest, ManifestOfSteps):
        for step in manifest.steps:
            push(repository, remote, step.model, step.version)
    files = repository.verify(manifest)
    content = (repository.root / name / str(version) / MANIFEST).read_bytes()
    if _has(remote, name, version, content):
        print(f"{name} version {version} is in {remote.address} already")
        return
    try:
        remote.publish(f"{name}/{version}", files, content)
    except AlreadyThere:
        if not _has(remote, name, version, content):  # or somebody else has just published the same
            raise
    print(f"pushed {name} version {version} to {remote.address}")


def name_and_version(given: str) -> tuple[str, int | None]:
    """Raises ValueError unless it is NAME or NAME/VERSION."""
    name, slash, version = given.partition("/")
    if slash and not (version.isdecimal() and version.isascii() and int(version)):
        raise ValueError(f"{given!r:.80} is neither a model's name nor NAME/VERSION, such as digits-cnn/2")
    return name, int(version) if slash else None


def _has(remote: Remote, name: str, version: int, content: bytes) -> bool:
    """Return whether the store has this very version. Raises AlreadyThere if it has another one of the number."""
    listed = versions_of(remote, name).get(name, {}).get(version)
    if listed is None:
        return False
    try:
        is_same = read_manifest(remote, listed)[1] == content
    except InvalidArtifact:
        is_same = False
    if not is_same:
        raise AlreadyThere(
            f"{remote.address} has another version {version} of {name}, and no version is ever overwritten: publish "
            f"yours under a new number"
        )
    return True


def _say(is_news: bool, what: str) -> None:
    print(f"fetched {what}" if is_news else f"{what} is here already")
