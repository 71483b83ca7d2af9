"""The file of keys: secrets as hashes, written as a whole by one at a time."""

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.errors import InvalidInput, first_fault, said
from app.keys.record import BRAND, NAME, OF_A_CALLER, START_BYTES, Key, KeyList, Replaced, SecretHash
from app.keys.terms import written
from app.whole_file import OWN, write_whole

SECRET_BYTES = 32  # the 256 bits of which SecretHash speaks
MOST_BYTES = 16_000_000  # some 80,000 keys


def read_keys(path: Path) -> list[Key]:
    """The keys of a file; none, if there is no file. Raises ValueError if it is not a file of keys, and OSError."""
    content = content_of(path)
    return [] if content is None else parsed(path, content)


def content_of(path: Path) -> bytes | None:
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


def parsed(path: Path, content: bytes) -> list[Key]:
    """Raises ValueError."""
    try:
        return KeyList.model_validate_json(content).keys
    except ValidationError as error:
        raise ValueError(f"{path} is not a file of keys: {said(first_fault(error))}") from None


def add_key(path: Path, name: str, **terms: Any) -> str:
    """Make a key and return its secret, which is kept nowhere; `terms` are fields of Key, and may ask and read.

    Raises InvalidInput for a name or terms that cannot be used.
    """
    if not re.fullmatch(NAME, name):
        raise InvalidInput(f"{name!r} is no name for a key: up to 64 letters, digits and - _ . after the first")
    with _locked(path):
        keys = read_keys(path)
        if any(key.name == name for key in keys):
            raise InvalidInput(f"there is a key {name} already; revoke it first, or choose another name")
        secret, known = _new_secret(keys)
        wanted = {term: value for term, value in terms.items() if value is not None}
        _write(path, [*keys, _key({"name": name, **known, "created": _now(), "scopes": OF_A_CALLER, **wanted})])
    return secret


def rotate_key(path: Path, name: str, overlap: timedelta, expires: datetime | None = None) -> str:
    """Give a key a new secret and return it; the old one holds for `overlap`, and no longer than the key did.

    Raises InvalidInput if there is no such key, or if it has expired and `expires` does not prolong it.
    """
    now = _now()
    with _locked(path):
        keys = read_keys(path)
        key = _named(name, keys)
        if key.expires and key.expires <= now and expires is None:
            raise InvalidInput(f"the key {name} expired on {written(key.expires)}; say how long the new secret holds")
        secret, known = _new_secret(keys)
        until = min(now + overlap, key.expires or now + overlap)
        old = [*key.replaced, Replaced(start=key.start, sha256=key.sha256, until=until)]
        changed = {"replaced": [one for one in old if one.until > now], "expires": expires or key.expires, **known}
        new = _key({**key.model_dump(exclude_unset=True), **changed})
        _write(path, [new if one is key else one for one in keys])
    return secret


def revoke_key(path: Path, name: str) -> None:
    """Forget a key. Raises InvalidInput if there is none of this name."""
    with _locked(path):
        keys = read_keys(path)
        revoked = _named(name, keys)
        _write(path, [key for key in keys if key is not revoked])


def digest(secret: bytes) -> bytes:
    return sha256(secret).digest()


def _named(name: str, keys: Sequence[Key]) -> Key:
    for key in keys:
        if key.name == name:
            return key
    raise InvalidInput(f"there is no key {name!r}; there are: {', '.join(key.name for key in keys) or 'none'}")


def _new_secret(keys: Sequence[Key]) -> tuple[str, dict[str, str]]:
    """A secret, and what is kept of it."""
    known: list[SecretHash] = [one for key in keys for one in (key, *key.replaced)]
    starts = {one.start for one in known}
    while (start := BRAND + secrets.token_hex(START_BYTES)) in starts:
        pass
    secret = start + secrets.token_urlsafe(SECRET_BYTES)
    return secret, {"start": start, "sha256": digest(secret.encode()).hex()}


def _key(fields: dict[str, Any]) -> Key:
    try:
        return Key.model_validate(fields)
    except ValidationError as error:
        raise InvalidInput.of([first_fault(error)]) from None


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
    # What a key does not say stays unsaid: what was written before keys had terms can still be read by what wrote it.
    content = KeyList(keys=keys).model_dump_json(indent=2, exclude_unset=True)
    write_whole(path, content + "\n", OWN, is_synced=True)
