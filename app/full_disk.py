"""Writes that found no room, whichever library ran into that."""

import errno
import os

CODES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
WORDS = tuple(map(os.strerror, CODES))  # libraries in other languages hand on these alone


def no_room(error: BaseException) -> str:
    """Return the system's words for a write that found no room, if `error` or what led to it is one; else ""."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        if isinstance(found, OSError) and found.errno in CODES:
            return os.strerror(found.errno)
        if words := next((words for words in WORDS if words in str(found)), ""):
            return words
        found = found.__cause__ or found.__context__
    return ""
