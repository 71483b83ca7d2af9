"""The keys of a file as a running service sees them."""

import logging
from collections.abc import Sequence
from datetime import datetime
from hmac import compare_digest
from pathlib import Path
from time import monotonic, time
from typing import NamedTuple

from app.audit import audit
from app.errors import KeyExpired, KeysUnreadable
from app.keys.file import content_of, digest, parsed
from app.keys.record import START_LENGTH, Key
from app.keys.terms import written

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 1.0  # at the file: a revoked key holds for so long at most
TRUSTED_S = 60.0  # time to mend a file that cannot be read, while the keys before hold; then none does
SAY_AGAIN_S = 10.0  # in the log, that the file cannot be read


class Secret(NamedTuple):
    """A secret of a key, and when it ends, in seconds since 1970."""

    key: Key | None
    sha256: bytes
    until: float = float("inf")


# What an unknown secret is compared with, so that this takes as long as with a known one.
NOBODY = Secret(None, bytes(32))


class KeyRing:
    """The keys of a file as a running service sees them: what is added or revoked holds a second later.

    Without the file there are no keys. While it cannot be read, the log says so, and the keys before hold for a minute
    at most; then nobody is let in until it can be read again.
    Raises ValueError or OSError if it cannot be read from the beginning.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content = content_of(path)
        self._keep([] if self._content is None else parsed(path, self._content))
        self._look_again_at = monotonic() + LOOK_AGAIN_S
        self._unreadable_since: float | None = None
        self._say_again_at = 0.0

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, secret: bytes) -> Key | None:
        """The key with this secret, found in a time that tells nothing of the secrets that there are.

        Raises KeyExpired and KeysUnreadable.
        """
        self._follow()
        key, expected, until = self._secrets.get(secret[:START_LENGTH], NOBODY)
        if not compare_digest(expected, digest(secret)):
            return None
        if key is not None and until <= time():
            raise self._expired(key, secret)
        return key

    def named(self, name: str) -> Key | None:
        """The key of this name, for work that it asked for before; None if it was revoked, or is over.

        Raises KeysUnreadable.
        """
        self._follow()
        key = self._keys.get(name)
        return key if key is not None and (key.expires is None or key.expires.timestamp() > time()) else None

    def _expired(self, key: Key, secret: bytes) -> KeyExpired:
        if secret.startswith(key.start.encode()):
            why = f"the key {key.name} expired on {_said(key.expires)}; ask whoever gave it to you for a new one"
        else:
            why = f"this secret of the key {key.name} was replaced by a new one, and holds no longer"
        start = secret[:START_LENGTH]
        if start not in self._told:  # each request has its line; this is for whoever gives keys out
            self._told.add(start)
            log.warning("%s; it is still used", why.partition(";")[0])
        return KeyExpired(why, key.name)

    def _follow(self) -> None:
        """Raises KeysUnreadable."""
        now = monotonic()
        if now >= self._look_again_at:
            self._look_again(now)
        if self._unreadable_since is not None and now >= self._unreadable_since + TRUSTED_S:
            raise KeysUnreadable("the file of keys cannot be read, so no key can be checked; the log has the reason")

    def _look_again(self, now: float) -> None:
        # The file itself is compared, not when it was changed: of a clock that was set back, or of two changes within
        # one of its ticks, the date would say that nothing has changed. It is small.
        self._look_again_at = now + LOOK_AGAIN_S
        try:
            content = content_of(self._path)
            if content != self._content:
                before = self._keys
                self._keep([] if content is None else parsed(self._path, content))
                self._content = content
                log.info("keys are now: %s", ", ".join(self._keys) or "none")
                _tell(before, self._keys)
        except (OSError, ValueError) as error:
            self._unreadable_since = now if self._unreadable_since is None else self._unreadable_since
            if now >= self._say_again_at:
                self._say_again_at = now + SAY_AGAIN_S
                left = max(0.0, self._unreadable_since + TRUSTED_S - now)
                log.error("the keys stay as they were for %.0f s, and then none holds: %s", left, error)
        else:
            self._unreadable_since = None
            self._say_again_at = 0.0

    def _keep(self, keys: Sequence[Key]) -> None:
        self._told: set[bytes] = set()
        self._keys = {key.name: key for key in keys}
        self._secrets: dict[bytes, Secret] = {}
        for key in keys:
            ends = key.expires.timestamp() if key.expires else float("inf")
            self._secrets[key.start.encode()] = Secret(key, bytes.fromhex(key.sha256), ends)
            for old in key.replaced:
                until = min(ends, old.until.timestamp())
                self._secrets[old.start.encode()] = Secret(key, bytes.fromhex(old.sha256), until)


def _said(moment: datetime | None) -> str:
    return written(moment) if moment else ""


def _tell(before: dict[str, Key], now: dict[str, Key]) -> None:
    """Audit a change of the file, whoever made it and however."""
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            action = "add" if name not in before else "revoke" if name not in now else "change"
            audit("the file of keys", f"keys {action}", "done", key=name)
