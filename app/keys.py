"""The keys of callers: kept as hashes in one small file, which a running service follows. Knows no HTTP."""

import fcntl
import logging
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from time import monotonic

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import InvalidInput, KeysUnreadable, first_fault, said
from app.whole_file import OWN, write_whole

log = logging.getLogger(__name__)

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"  # it goes into logs and metrics as it is
BRAND = "tessera_"  # lets scanners find a secret that was published by mistake
START_BYTES = 4  # of chance, written in eight digits: enough to tell keys apart
START_LENGTH = len(BRAND) + 2 * START_BYTES
SECRET_BYTES = 32  # the 256 bits of which Key speaks
LOOK_AGAIN_S = 1.0  # at the file: a revoked key holds for so long at most
TRUSTED_S = 60.0  # time to mend a file that cannot be read, while the keys before hold; then none does
SAY_AGAIN_S = 10.0  # in the log, that the file cannot be read
MOST_BYTES = 16_000_000  # some 80,000 keys


class Key(BaseModel):
    """The record of a key: enough to know its secret again, too little to find it.

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
    """The keys of a file; none, if there is no file. Raises ValueError if it is not a file of keys, and OSError."""
    content = _read(path)
    return [] if content is None else _parsed(path, content)


def _read(path: Path) -> bytes | None:
    """The bytes of a file, None if there is none. Raises ValueError for what is no file, or too large, and OSError."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError(f"{path} is no regular file")
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path} has more than {MOST_BYTES} bytes")
    return content


def _without_waiting(path: str, flags: int) -> int:
    """Open a file. A pipe that took its place would keep us waiting for somebody who writes."""
    return os.open(path, flags | os.O_NONBLOCK)


def _parsed(path: Path, content: bytes) -> list[Key]:
    try:
        return KeyList.model_validate_json(content).keys
    except ValidationError as error:
        raise ValueError(f"{path} is not a file of keys: {said(first_fault(error))}") from None


def add_key(path: Path, name: str) -> str:
    """Make a key and return its secret, which is kept nowhere. Raises InvalidInput for a name that cannot be used."""
    if not re.fullmatch(NAME, name):
        raise InvalidInput(f"{name!r} is no name for a key: up to 64 letters, digits and - _ . after the first")
    with _locked(path):
        keys = read_keys(path)
        if any(key.name == name for key in keys):
            raise InvalidInput(f"there is a key {name} already; revoke it first, or choose another name")
        starts = {key.start for key in keys}
        while (start := BRAND + secrets.token_hex(START_BYTES)) in starts:
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

    Without the file there are no keys. While it cannot be read, the log says so, and the keys before hold for a minute
    at most; then nobody is let in until it can be read again.
    Raises ValueError or OSError if it cannot be read from the beginning.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content = _read(path)
        self._keys = _by_start([] if self._content is None else _parsed(path, self._content))
        self._look_again_at = monotonic() + LOOK_AGAIN_S
        self._unreadable_since: float | None = None
        self._say_again_at = 0.0

    def __len__(self) -> int:
        return len(self._keys)

    def owner_of(self, secret: bytes) -> str | None:
        """The name of the key with this secret, found in a time that tells nothing of the secrets that there are.

        Raises KeysUnreadable.
        """
        now = monotonic()
        if now >= self._look_again_at:
            self._look_again(now)
        if self._unreadable_since is not None and now >= self._unreadable_since + TRUSTED_S:
            raise KeysUnreadable("the file of keys cannot be read, so no key can be checked; the log has the reason")
        name, digest = self._keys.get(secret[:START_LENGTH], NOBODY)
        return name if compare_digest(digest, _digest(secret)) else None

    def _look_again(self, now: float) -> None:
        # The file itself is compared, not when it was changed: of a clock that was set back, or of two changes within
        # one of its ticks, the date would say that nothing has changed. It is small.
        self._look_again_at = now + LOOK_AGAIN_S
        try:
            content = _read(self._path)
            if content != self._content:
                self._keys = _by_start([] if content is None else _parsed(self._path, content))
                self._content = content
                log.info("keys are now: %s", ", ".join(name for name, _ in self._keys.values() if name) or "none")
        except (OSError, ValueError) as error:
            self._unreadable_since = now if self._unreadable_since is None else self._unreadable_since
            if now >= self._say_again_at:
                self._say_again_at = now + SAY_AGAIN_S
                left = max(0.0, self._unreadable_since + TRUSTED_S - now)
                log.error("the keys stay as they were for %.0f s, and then none holds: %s", left, error)
        else:
            self._unreadable_since = None
            self._say_again_at = 0.0


# What an unknown secret is compared with, so that this takes as long as with a known one.
NOBODY: tuple[str | None, bytes] = (None, bytes(32))


def _by_start(keys: Sequence[Key]) -> dict[bytes, tuple[str | None, bytes]]:
    return {key.start.encode(): (key.name, bytes.fromhex(key.sha256)) for key in keys}


def _digest(secret: bytes) -> bytes:
    return sha256(secret).digest()


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
    write_whole(path, KeyList(keys=keys).model_dump_json(indent=2) + "\n", OWN, is_synced=True)
