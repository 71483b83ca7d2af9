"""The folder in which a run keeps what it may need again."""

import fcntl
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from training.errors import TrainingError, progress

SETTINGS = "run.json"


@contextmanager
def working_folder(folder: Path, settings: Mapping[str, Any], *, resume: bool) -> Iterator[Path]:
    """`folder`, for one run at a time: empty, or with `resume` as an interrupted run of the same `settings` left it.

    What a run leaves that came to its end may be looked at, and is not resumed.
    Raises TrainingError if another run uses it, if it holds what no run left there, or was left by other settings.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise TrainingError(
            f"{folder} cannot be a folder, since a file is in its place; choose another --workdir"
        ) from error
    known = folder / SETTINGS
    if not known.exists() and any(folder.iterdir()):
        raise TrainingError(f"{folder} holds files that no training left there; choose an empty folder with --workdir")
    with known.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TrainingError(f"another run works in {folder}; wait for it, or choose another --workdir") from error
        file.seek(0)
        left = file.read().splitlines()
        if resume and left:
            _check(folder, json.loads(left[0]), settings)
            _note(file, "ended", _last_sign_of(folder))  # of a process that could not note it itself
        else:
            if resume:
                progress(f"nothing to resume in {folder}; starting afresh")
            _clear(folder)
            file.truncate(0)
            file.write(json.dumps(settings))
        _note(file, "began", time.time())
        try:
            yield folder
        except BaseException:
            _note(file, "ended", time.time())
            raise
        file.truncate(0)


def spent_before(folder: Path) -> float:
    """Seconds that earlier processes of the run in `folder` took; one that was killed, until it last wrote a file."""
    began, spent = 0.0, 0.0
    for line in (folder / SETTINGS).read_text(encoding="utf-8").splitlines()[1:]:
        try:
            noted = json.loads(line)
        except ValueError:  # the process was killed while it wrote
            continue
        if "began" in noted:
            began = noted["began"]
        elif began:  # only the first end after a beginning is one
            spent, began = spent + max(0.0, noted["ended"] - began), 0.0
    return spent


def _note(file: TextIO, what: str, when: float) -> None:
    """Lines are added and none is changed, so that whenever a process is killed, the run can be resumed."""
    file.write("\n" + json.dumps({what: when}))
    file.flush()


def _last_sign_of(folder: Path) -> float:
    """When a file in `folder` was last written; 0 if none was."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != SETTINGS]
    return max((path.stat().st_mtime for path in files), default=0.0)


def state_of(source: str | None) -> dict[str, list[int]]:
    """Size and time of change of each file of the local `source`, by which another state of it is noticed."""
    if source is None or not Path(source).exists():
        return {}
    files = sorted(path for path in (Path(source), *Path(source).rglob("*")) if path.is_file())
    return {str(path): [path.stat().st_size, path.stat().st_mtime_ns] for path in files}


def _check(folder: Path, left: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    if left.get("files", settings.get("files")) != settings.get("files"):
        raise TrainingError(f"cannot resume: {settings['source']} has changed since; start without --resume")
    other = [f"{name} {value}" for name, value in left.items() if settings.get(name) != value]
    if other:
        raise TrainingError(f"cannot resume: the run in {folder} had {', '.join(other)}; start without --resume")


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name == SETTINGS:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
