"""Put a finished version into the repository: all of it, or nothing."""

import hashlib
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.errors import InvalidArtifact
from app.full_disk import no_room
from app.repository.manifest import Artifact, Manifest, is_model_name
from app.repository.unfinished import unfinished

MANIFEST = "manifest.json"
VERSION = re.compile(r"[1-9][0-9]{0,17}")  # one way to write each number: "02" would be a second folder of version 2


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def version_numbers(folder: Path) -> list[int]:
    """Return the versions of a model's folder, oldest first; whatever else lies there is not one."""
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if VERSION.fullmatch(path.name) and path.is_dir())


Check = Callable[[Manifest, Mapping[str, Path]], object]


def publish(
    root: Path,
    name: str,
    files: Mapping[str, Path],
    *,
    kind: type[Manifest] = Manifest,
    check: Check = lambda manifest, files: None,
    **fields: Any,
) -> Manifest:
    """Publish the next version of model `name` from `files` (artifact name to file) and the other fields of its
    `kind` of manifest.

    Everything is written to a temporary folder beside the version, the manifest last, and then renamed,
    so that a reader never sees half a version. What `check` raises of the manifest and the written files keeps the
    version from being published; a model without one leaves no folder. Raises InvalidArtifact if `name` is no name for
    a model, and if the disk is full.
    """
    if not is_model_name(name):
        raise InvalidArtifact(f"{name!r} is not a model name: lower-case words joined by hyphens, such as digits-cnn")
    try:
        return _publish(root / name, name, files, kind, check, fields)
    except BaseException as error:
        if words := no_room(error):
            raise InvalidArtifact(f"{name} is not published, since {root} has no room for it: {words}") from error
        raise


def _publish(
    model: Path,
    name: str,
    files: Mapping[str, Path],
    kind: type[Manifest],
    check: Check,
    fields: Mapping[str, Any],
) -> Manifest:
    with unfinished(model) as version:
        folder = version.folder
        for artifact, source in files.items():
            (folder / artifact).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / artifact)
        artifacts = {
            artifact: Artifact(sha256=sha256_of(folder / artifact), size=(folder / artifact).stat().st_size)
            for artifact in files
        }
        manifest = kind(name=name, version=max(version_numbers(model), default=0) + 1, files=artifacts, **fields)
        check(manifest, {artifact: folder / artifact for artifact in files})
        write_manifest(folder, manifest)
        while not version.becomes(manifest.version):  # somebody else has published this number meanwhile
            manifest = manifest.model_copy(update={"version": max(version_numbers(model)) + 1})
            write_manifest(folder, manifest)
        return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    text = manifest.model_dump_json(indent=2, exclude_defaults=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
