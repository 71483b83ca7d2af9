"""The part of a name from its user that everybody may read: no folders, people and secrets."""

import getpass
import re
from pathlib import Path

HUB_ID = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w.-]+))?")
NAMELESS = "a folder of one's own"


def public_name(source: str) -> str:
    """Return a card's name for a `--source`: of a folder its own, without those around it; of the hub the id."""
    folder = Path(source)
    if not folder.exists() and HUB_ID.fullmatch(source):
        return source
    name = folder.expanduser().resolve().name
    return NAMELESS if not name or name in _people() else redacted(name)


def redacted(text: str) -> str:
    """`text` without what may be a secret: passwords and queries of addresses, and tokens of the hub."""
    text = re.sub(r"(?<=//)[^/@\s]+@", "", re.sub(r"\bhf_\w+", "hf_…", text))
    return re.sub(r"(://[^\s?]*)\?\S+", r"\1", text)


def _people() -> set[str]:
    """Return the names of this person on this machine."""
    try:
        return {Path.home().name, getpass.getuser()}
    except (KeyError, OSError, RuntimeError):  # of a container's user that has no entry
        return set()
