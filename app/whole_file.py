"""Small files that are replaced while others read them."""

import os
import tempfile
from pathlib import Path

READABLE_BY_ALL, OWN = 0o644, 0o600


def write_whole(path: Path, content: str, mode: int, *, is_synced: bool = False) -> None:
    """Put `content` at `path` so that nobody ever reads half of it, and nothing else is left where that fails.

    `is_synced`: it is on the disk before it takes its place. Raises OSError.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=".writing-", dir=path.parent)  # of mode OWN
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            if is_synced:
                file.flush()
                os.fsync(descriptor)
        if mode != OWN:
            os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
