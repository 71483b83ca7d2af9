"""The keys of callers: kept as hashes in one small file, which a running service follows. Knows no HTTP."""

import fcntl
import logging
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from time import monotonic

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import InvalidInput

log = logging.getLogger(__name__)

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"  # it goes into logs and metrics as it is
BRAND = "tessera_"  # lets scanners find a secret that was published by mistake
START_LENGTH = len(BRAND) + 8
SECRET_BYTES = 32
LOOK_AGAIN_S = 1.0


class Key(BaseModel):
    """What is kept of a key: enough to know its secret again, too little to find it.

    `start` is the secret's first characters, no secret themselves: they tell keys apart and find the one to compare
    with. The rest are 256 random bits, which nobody guesses; so one round of SHA-256 protects them as well as a
    password hash would, and costs a microsecond a request instead of a tenth of a second.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=f"^{NAME}$")
    start: str = Field(min_length=START_LENGTH, max_length=START_LENGTH)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    created: datetime


class KeyList(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid")

    keys: list[Key]


def read_keys(path: Path) -> list[Key]:
    """The keys of a file; none, if there is no file. Raises ValueError if it is not a file of keys."""
    try:
        return KeyList.model_validate_json(path.read_bytes()).keys
    except FileNotFoundError:
        return []
    except ValidationError as error:
        # Without the values: somebody may have written a secret there.
        fault = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise ValueError(f"{path} is not a file of keys: {where}{': ' if where else ''}{fault['msg']}") from None


def add_key(path: Path, name: str) -> str:
    """Make a key and return its secret, which is kept nowhere. Raises InvalidInput for a name that cannot be used."""
    if not re.fullmatch(NAME, name):
        raise InvalidInput(f"{name!r} is no name for a key: up to 64 letters, digits and - _ . after the first")
    with _locked(path):
        keys = read_keys(path)
        if any(key.name == name for key in keys):
            raise InvalidInput(f"there is a key {name} already; revoke it first, or choose another name")
        starts = {key.start for key in keys}
        while (start := BRAND + secrets.token_hex(4)) in starts:
            pass
        secret = start + secrets.token_urlsafe(SECRET_BYTES)
        kept = Key(name=name, start=start, sha256=_digest(secret.encode()).hex(), created=_now())
        _write(path, [*keys, kept])
    return secret


def revoke_key(path: Path, name: str) -> None:
    """Forget a key. Raises InvalidInput if there is none of this name."""
    with _locked(path):
        keys = read_keys(path)
        left = [key for key in keys if key.name != name]
        if len(left) == len(keys):
            raise InvalidInput(f"there is no key {name!r}; there are: {', '.join(key.name for key in keys) or 'none'}")
        _write(path, left)


class KeyRing:
    """The keys of a file as a running service sees them: what is added or revoked holds a second later.

    Without the file there are no keys. A file that cannot be read any more changes nothing, and the log says so.
    Raises ValueError or OSError if it cannot be read from the beginning.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._keys = _by_start(read_keys(path))
        self._look_again_at = monotonic() + LOOK_AGAIN_S

    def __len__(self) -> int:
        return len(self._keys)

    def owner_of(self, secret: bytes) -> str | None:
        """The name of the key with this secret, found in a time that tells nothing of the secrets that there are."""
        if monotonic() >= self._look_again_at:
            self._look_again()
        name, digest = self._keys.get(secret[:START_LENGTH], NOBODY)
        return name if compare_digest(digest, _digest(secret)) else None

    def _look_again(self) -> None:
        self._look_again_at = monotonic() + LOOK_AGAIN_S
        try:
            stamp = _stamp(self._path)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._keys = _by_start(read_keys(self._path))
        except (OSError, ValueError) as error:
            log.error("the keys stay as they were: %s", error)
        else:
            log.info("keys are now: %s", ", ".join(name for name, _ in self._keys.values() if name) or "none")


# What an unknown secret is compared with, so that this takes as long as with a known one.
NOBODY: tuple[str | None, bytes] = (None, bytes(32))


def _by_start(keys: Sequence[Key]) -> dict[bytes, tuple[str | None, bytes]]:
    return {key.start.encode(): (key.name, bytes.fromhex(key.sha256)) for key in keys}


def _digest(secret: bytes) -> bytes:
    return sha256(secret).digest()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One writer at a time: two that add at once must not lose one of the keys."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(path: Path, keys: list[Key]) -> None:
    path = path.resolve()  # of a link, the file that it leads to is replaced
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # readable by its owner only
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(KeyList(keys=keys).model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
