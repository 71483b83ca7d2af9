"""Files that are replaced while others read them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READABLE_BY_ALL, OWN = 0o644, 0o600


def write_whole(path: Path, content: str, mode: int, *, is_synced: bool = False) -> None:
    """Put `content` at `path` so that nobody ever reads half of it, and nothing else is left where that fails.

    `is_synced`: it is on the disk before it takes its place. Raises OSError.
    """
    with replacing(path) as temporary:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(content)
            if is_synced:
                file.flush()
                os.fsync(file.fileno())
        if mode != OWN:
            temporary.chmod(mode)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file of mode OWN beside `path`, which takes its place when it is written, and goes if that fails."""
    descriptor, name = tempfile.mkstemp(prefix=".writing-", suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    try:
        yield Path(name)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
