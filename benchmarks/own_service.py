"""Our service with some models of a repository, as benchmarks of ourselves start it."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import free_port, started
from benchmarks.ready import until_ready


@contextmanager
def own_service(models: Path, cores: Sequence[int], log: Path, **settings: str) -> Iterator[int]:
    """The port of a service that is ready. It keeps no events and no jobs. Raises SystemExit."""
    port = free_port()
    environment = {"TESSERA_MODELS_DIR": str(models), "TESSERA_DATABASE_URL": "off", "TESSERA_JOBS_DIR": "off"}
    command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    with log.open("wb") as output, started(command, {**environment, **settings}, cores, output) as process:
        until_ready(port, process)
        yield port


def linked(source: Path, names: Iterable[str], folder: Path) -> Path:
    """A repository in `folder` with these models of `source`, and nothing else."""
    folder.mkdir(exist_ok=True)
    for name in names:
        if not (folder / name).exists():
            (folder / name).symlink_to((source / name).resolve())
    return folder
