"""Put a finished version into the repository: all of it, or nothing."""

import errno
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.errors import InvalidArtifact
from app.full_disk import no_room
from app.repository.manifest import Artifact, Manifest, is_model_name

MANIFEST = "manifest.json"
UNFINISHED = ".publishing-"
STALE_AFTER_S = 60.0  # for which a folder without a lock may just have been made
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
        with suppress(OSError):  # there are other versions, or somebody else is just publishing the first
            (root / name).rmdir()
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
    _sweep(model)
    folder = _unfinished(model)
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        for artifact, source in files.items():
            (folder / artifact).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / artifact)
        artifacts = {
            artifact: Artifact(sha256=sha256_of(folder / artifact), size=(folder / artifact).stat().st_size)
            for artifact in files
        }
        manifest = kind(name=name, version=max(version_numbers(model), default=0) + 1, files=artifacts, **fields)
        check(manifest, {artifact: folder / artifact for artifact in files})
        folder.chmod(0o755)
        while True:
            write_manifest(folder, manifest)
            try:
                os.rename(folder, model / str(manifest.version))
                return manifest
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            # Somebody else has published this number meanwhile.
            manifest = manifest.model_copy(update={"version": max(version_numbers(model)) + 1})
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def _unfinished(model: Path) -> Path:
    """Make a folder for what is not published yet, beside the versions."""
    while True:
        model.mkdir(parents=True, exist_ok=True)
        # Somebody else, who could not publish the first version, may remove the empty folder between the two.
        with suppress(FileNotFoundError):
            return Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=model))


def _sweep(model: Path) -> None:
    """Remove what publishing has left here that was killed: nobody holds its lock any more."""
    for folder in model.glob(f"{UNFINISHED}*"):
        with suppress(OSError):  # a new folder has no lock for a moment; whoever has just made it needs it
            if time.time() - folder.stat().st_mtime < STALE_AFTER_S:
                continue
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    text = manifest.model_dump_json(indent=2, exclude_defaults=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
