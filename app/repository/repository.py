"""The model repository: <root>/<model>/<version>/manifest.json on a disk."""

import logging
import re
from collections.abc import Collection
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import from_json

from app.errors import InvalidArtifact, first_fault, said
from app.inside import found_in, leads_out
from app.repository.cascade import CASCADE, CascadeManifest
from app.repository.manifest import MODEL_NAME, Manifest
from app.repository.pipeline import PIPELINE, PipelineManifest
from app.repository.publish import MANIFEST, sha256_of, version_numbers

log = logging.getLogger(__name__)

MOST_BYTES = 8_000_000  # of a manifest: read as objects they take some hundred megabytes


class ModelRepository:
    """Finds versions and checks that they are what their manifests say. Loads nothing and remembers nothing."""

    def __init__(self, root: Path, only: Collection[str] = ()) -> None:
        """With `only`, it is as if no other models were there."""
        self.root = root
        self.only = frozenset(only)

    def serves(self, name: str) -> bool:
        return not self.only or name in self.only

    def names(self) -> list[str]:
        if not self.root.is_dir():
            return []
        folders = (path.name for path in self.root.iterdir())
        found = (name for name in folders if re.fullmatch(MODEL_NAME, name) and self.serves(name))
        return sorted(name for name in found if self._may_have_versions(name))

    def versions(self, name: str) -> list[int]:
        """Published versions, newest first. A folder without a manifest is not published."""
        folder = self.root / name
        return [number for number in reversed(version_numbers(folder)) if (folder / str(number) / MANIFEST).is_file()]

    def published(self) -> dict[str, list[int]]:
        """Return the versions of every model, newest first; none of a model whose folder cannot be read."""
        return {name: self._readable_versions(name) for name in self.names()}

    def _may_have_versions(self, name: str) -> bool:
        try:
            return bool(self.versions(name))
        except OSError as error:  # one folder that cannot be read must not hide the others
            log.error("%s cannot be read: %s", name, error.strerror)
            return True

    def _readable_versions(self, name: str) -> list[int]:
        try:
            return self.versions(name)
        except OSError:  # which has been told
            return []

    def read(self, name: str, version: int) -> Manifest:
        """Raises InvalidArtifact if the manifest cannot be read, or speaks of another version."""
        path = self.root / name / str(version) / MANIFEST
        try:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
            if len(content) > MOST_BYTES:
                raise InvalidArtifact(f"{MANIFEST} has {path.stat().st_size} bytes, and may have {MOST_BYTES}")
        except OSError as error:
            raise InvalidArtifact(f"{MANIFEST} cannot be read: {error.strerror}") from error
        return parsed_manifest(content, name, version)

    def fingerprint(self, name: str, version: int) -> str:
        """Return a hash of the manifest as it is on disk, and so of all that it vouches for; "" if it is gone.

        Raises OSError if it cannot be read.
        """
        try:
            return sha256_of(self.root / name / str(version) / MANIFEST)
        except FileNotFoundError:
            return ""

    def verify(self, manifest: Manifest) -> dict[str, Path]:
        """Artifact names to their paths, all of them checked. Raises InvalidArtifact at the first that is not right."""
        kinds = (manifest.graphs, *(variant.graphs for variant in manifest.variants.values()))
        card = (manifest.card.markdown, *manifest.card.pictures) if manifest.card else ()
        for what, names in (("a graph", {file for graphs in kinds for file in graphs.values()}), ("its card", {*card})):
            if unlisted := names - manifest.files.keys():
                raise InvalidArtifact(f"{min(unlisted)} is named as {what} and not listed in files")
        folder = (self.root / manifest.name / str(manifest.version)).resolve()
        files = {name: _verified(folder, manifest, name) for name in manifest.files}
        for path in folder.rglob("*"):  # a listed graph might read weights from a file that nobody vouches for
            if path.is_symlink() and path.is_dir():
                raise InvalidArtifact(f"{path.name} is a link to a folder")
            if not path.is_dir() and (name := path.relative_to(folder).as_posix()) not in {MANIFEST, *manifest.files}:
                raise InvalidArtifact(f"{name} lies in the folder and is not listed in files")
        return files

    def read_file(self, manifest: Manifest, name: str) -> bytes:
        """The content of one artifact. Raises InvalidArtifact if it is no longer what the manifest says."""
        folder = (self.root / manifest.name / str(manifest.version)).resolve()
        return _verified(folder, manifest, name).read_bytes()


def parsed_manifest(content: bytes, name: str, version: int) -> Manifest:
    """Raises InvalidArtifact if it makes no sense, or speaks of another version."""
    try:
        manifest = _kind_of(content).model_validate_json(content)
    except ValidationError as error:
        raise InvalidArtifact(f"{MANIFEST}: {said(first_fault(error))}") from error
    if (manifest.name, manifest.version) != (name, version):
        raise InvalidArtifact(f"{MANIFEST} is that of {manifest.name} version {manifest.version}")
    return manifest


def _kind_of(content: bytes) -> type[Manifest]:
    try:
        fields = from_json(content)
        if fields.get("runtime") == CASCADE:
            return CascadeManifest
        return PipelineManifest if PIPELINE in (fields.get("runtime"), fields.get("task")) else Manifest
    except (AttributeError, ValueError):
        return Manifest


def _verified(folder: Path, manifest: Manifest, name: str) -> Path:
    if leads_out(name):
        raise InvalidArtifact(f"{name!r} is not a path inside the version's folder")
    path = found_in(folder, name)
    if path is None:
        raise InvalidArtifact(f"{name} leads out of the version's folder")
    if not path.is_file():
        raise InvalidArtifact(f"{name} is missing")
    expected = manifest.files[name]
    if (size := path.stat().st_size) != expected.size:
        raise InvalidArtifact(f"{name} has {size} bytes and should have {expected.size}")
    if (digest := sha256_of(path)) != expected.sha256:
        raise InvalidArtifact(f"{name} has sha256 {digest[:12]}… and should have {expected.sha256[:12]}…")
    return path
