"""python -m training.beside MODELS: make the default models that are missing, beside the service that follows them.

What fails is said, keeps none of the others back, and is tried again. It gives way to whoever predicts, says in the
repository how far it is, and ends with the process that started it.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from app.repository.making import MAKING, Making, Telling
from training.__main__ import is_missing
from training.errors import progress

# As `make serve` has them. Each in all its precisions, of which the tuner finds the fastest.
DEFAULT_MODELS = (
    "imagenet-efficientnet",
    "reviews-sentiment",
    "article-summarizer",
    "movielens-recommender",
    "smollm2-instruct",
)
TRAINING = (sys.executable, "-m", "training")
TUNER = (sys.executable, "-m", "app", "tune", "--when-idle")
FAILED = Path(tempfile.gettempdir(), "failed")  # there while something has failed, for a health check
LONGEST_PAUSE_S = 3600.0
NICENESS = 10
LOOK_S = 1.0  # whether the process that started this one is still its parent
BAR, BAR_EVERY_S = "%|", 15.0  # in a line that is a progress bar; the terminal sees one of many


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.beside", description=__doc__)
    parser.add_argument("repository", type=Path)
    parser.add_argument("--pause", type=float, default=60.0, help="seconds before the second try; later ones double it")
    parser.add_argument("--workdir", type=Path, default=Path("build/training"), help="as of python -m training")
    parser.add_argument("--with", type=int, default=os.getppid(), dest="parent", metavar="PID", help="end when it does")
    parser.add_argument("--tune", action="store_true", help="measure the models, too, when nothing else computes")
    parser.add_argument(
        "--stay", action="store_true", help=f"in a container: do not end, and show failures by {FAILED}"
    )
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _end_with(chosen.parent)
    os.nice(NICENESS)
    _make_until_all_are_there(chosen)
    progress("every default model is there")
    while chosen.stay:  # `docker compose up --wait` would take the end for a failure
        signal.pause()
    return 0


def _make_until_all_are_there(chosen: argparse.Namespace) -> None:
    repository, pause_s = chosen.repository, chosen.pause
    with Telling(repository, MAKING) as telling:
        while True:
            failed = _make_missing(repository, chosen.workdir, telling)
            telling.tell([Making(model=name, state="failed", detail=why) for name, why in failed.items()])
            if chosen.stay:
                _show_health(failed)
            if chosen.tune:
                _run(TUNER, progress, {**os.environ, "TESSERA_MODELS_DIR": str(repository)})
            if not failed:
                return
            progress(f"could not be made: {', '.join(failed)}. The others are served; trying again in {pause_s:g} s")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _show_health(failed: Collection[str]) -> None:
    if failed:
        FAILED.write_text("\n".join(failed))
    else:
        FAILED.unlink(missing_ok=True)


def _make_missing(repository: Path, workdir: Path, telling: Telling) -> dict[str, str]:
    """Make one after another; return why some could not be made, by name."""
    left = [name for name in DEFAULT_MODELS if is_missing(name, name, repository)]
    failed: dict[str, str] = {}
    while left:
        name = left.pop(0)
        last = ""

        def hear(line: str, name: str = name) -> None:
            nonlocal last
            last = line
            broken = [Making(model=one, state="failed", detail=why) for one, why in failed.items()]
            waiting = [Making(model=one, state="waiting") for one in left]
            detail = line.removeprefix(f"{name}: ").strip()[:500]
            telling.tell([*broken, Making(model=name, state="making", detail=detail), *waiting])

        hear("begins")
        options = ("--models", str(repository), "--if-missing", "--resume", "--variants")
        if _run((*TRAINING, *options, "--workdir", str(workdir), name), _shown(name, hear)):
            failed[name] = last.removeprefix("error: ")[:500]
    return failed


def _shown(name: str, hear: Callable[[str], None]) -> Callable[[str], None]:
    """Each line is heard, and printed with the name of the model; of a progress bar now and then one."""
    printed = 0.0

    def show(line: str) -> None:
        nonlocal printed
        hear(line)
        if BAR not in line or time.monotonic() - printed > BAR_EVERY_S:
            progress(f"{name}: {line.removeprefix(f'{name}: ')}")
            printed = time.monotonic()

    return show


def _run(command: Sequence[str], hear: Callable[[str], None], environment: dict[str, str] | None = None) -> int:
    """Return the status of `command`; what it says is heard line by line, those of a progress bar too."""
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout
        try:
            for line in process.stdout:
                if line.strip():
                    hear(line.rstrip())
            return process.wait()
        except BaseException:  # by SIGTERM: training keeps its checkpoint, and publishes nothing half made
            process.terminate()
            raise


def _end_with(parent: int) -> None:
    def look() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=look, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
