"""The versions that a store has, by one list of its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.errors import InvalidArtifact
from app.remote.remote import Remote, RemoteFile
from app.repository.manifest import Manifest, is_model_name
from app.repository.publish import MANIFEST, VERSION
from app.repository.repository import MOST_BYTES, parsed_manifest

MOST_FILES = 200_000  # of a store that is listed: more is another folder than that of models


@dataclass(slots=True)
class ListedVersion:
    """A version that is whole, since its manifest was written last. `files` are by their paths inside it."""

    name: str
    version: int
    files: dict[str, RemoteFile] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        return f"{self.name}/{self.version}"

    @property
    def mark(self) -> tuple[tuple[str, int, str], ...]:
        """Another one when something of the version was written anew."""
        return tuple(sorted(self.files.values()))


Versions = Mapping[str, Mapping[int, ListedVersion]]


def versions_of(remote: Remote, name: str = "") -> Versions:
    """Return the versions by model and number; of one model, if it is named. Raises Unreachable and InvalidArtifact."""
    found: dict[str, dict[int, ListedVersion]] = {}
    for number, file in enumerate(remote.files(name)):
        if number == MOST_FILES:
            raise InvalidArtifact(f"{remote.address} has more than {MOST_FILES} files: name the folder of models")
        model, _, rest = file.path.partition("/")
        version, _, path = rest.partition("/")
        if path and is_model_name(model) and VERSION.fullmatch(version):
            versions = found.setdefault(model, {})
            listed = versions.setdefault(int(version), ListedVersion(model, int(version)))
            listed.files[path] = file
    whole = {
        model: {version: listed for version, listed in versions.items() if MANIFEST in listed.files}
        for model, versions in found.items()
    }
    return {model: versions for model, versions in whole.items() if versions}


def read_manifest(remote: Remote, listed: ListedVersion) -> tuple[Manifest, bytes]:
    """Return the manifest, and its bytes. Raises InvalidArtifact for one that makes no sense, and Unreachable."""
    content = bytearray()
    try:
        for chunk in remote.chunks(f"{listed.folder}/{MANIFEST}"):
            content += chunk
            if len(content) > MOST_BYTES:
                raise InvalidArtifact(f"its {MANIFEST} has more than {MOST_BYTES} bytes")
    except FileNotFoundError:
        raise InvalidArtifact(f"its {MANIFEST} is gone") from None
    return parsed_manifest(bytes(content), listed.name, listed.version), bytes(content)
