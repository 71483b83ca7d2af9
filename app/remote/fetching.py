"""Bring one version from a store into the repository: verified, and whole or not at all."""

import errno
import os
import re
import shutil
from hashlib import sha256
from pathlib import Path, PurePosixPath

from app.errors import InvalidArtifact
from app.inside import leads_out
from app.remote.listing import ListedVersion
from app.remote.remote import Remote
from app.repository.manifest import Artifact, Manifest
from app.repository.publish import MANIFEST
from app.repository.unfinished import unfinished
from app.whole_file import READABLE_BY_ALL, write_whole

MARK, MARKED = ".mirrored-{}", re.compile(r"\.mirrored-([1-9][0-9]{0,17})")
"""Beside the versions: says of which manifest a version is that may be removed, since it can be fetched again."""


def fetch(remote: Remote, listed: ListedVersion, manifest: Manifest, content: bytes, root: Path) -> bool:
    """Fetch what the manifest, whose bytes are `content`, lists; False if somebody else was quicker.

    Raises InvalidArtifact for a version that is not what its manifest says, Unreachable, and OSError of the disk. Of a
    version that is not whole nothing is left.
    """
    _check(listed, manifest, root)
    with unfinished(root / listed.name) as new:
        for name, artifact in manifest.files.items():
            path = new.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _fetch_file(remote, f"{listed.folder}/{name}", artifact, path)
            except FileNotFoundError:
                raise InvalidArtifact(f"{name} is gone from {remote.address}") from None
        _write(new.folder / MANIFEST, content)
        # The mark first: a version without one would be taken for somebody's own, which is never removed.
        mark = root / listed.name / MARK.format(listed.version)
        write_whole(mark, sha256(content).hexdigest(), READABLE_BY_ALL)
        return new.becomes(listed.version)


def _check(listed: ListedVersion, manifest: Manifest, root: Path) -> None:
    """Refuse what cannot become right, before anything is fetched."""
    for name, artifact in manifest.files.items():
        if leads_out(name) or PurePosixPath(name).as_posix() != name or name == MANIFEST or not name.isprintable():
            raise InvalidArtifact(f"{MANIFEST} lists {name!r:.80}, which is no path of a file inside the version")
        if name not in listed.files:
            raise InvalidArtifact(f"{name} is listed in {MANIFEST} and is not there")
        if (size := listed.files[name].size) != artifact.size:
            raise InvalidArtifact(f"{name} has {size} bytes and should have {artifact.size}")
        if any(str(folder) in manifest.files for folder in PurePosixPath(name).parents):
            raise InvalidArtifact(f"{MANIFEST} lists {name!r:.80}, which lies in what it lists as a file")
    root.mkdir(parents=True, exist_ok=True)
    needed, free = sum(one.size for one in manifest.files.values()), shutil.disk_usage(root).free
    if needed > free:
        raise OSError(errno.ENOSPC, f"it has {needed} bytes, and there is room for {free}")


def _fetch_file(remote: Remote, source: str, artifact: Artifact, path: Path) -> None:
    digest, left = sha256(), artifact.size
    with path.open("xb") as file:
        for chunk in remote.chunks(source):
            left -= len(chunk)
            if left < 0:
                break
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())  # a version that a crash leaves half written would be there for ever
    if left:
        more = "more bytes than" if left < 0 else f"{artifact.size - left} bytes, and should have"
        raise InvalidArtifact(f"{path.name} has {more} {artifact.size}")
    if digest.hexdigest() != artifact.sha256:
        raise InvalidArtifact(
            f"{path.name} has sha256 {digest.hexdigest()[:12]}… and should have {artifact.sha256[:12]}…"
        )


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
