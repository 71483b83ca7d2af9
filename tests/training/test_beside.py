"""Models that are missing are made beside the service, which is told how far they are."""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from waiting import eventually as soon

from app.repository.making import MAKING, read_making
from training.beside import DEFAULT_MODELS

ROOT = Path(__file__).parents[2]
eventually = partial(soon, seconds=60)  # to import what makes models takes seconds

# Stands for `python -m training`: fails for one recipe until somebody lets it succeed, and notes what it was asked.
TRAINING = """
import sys, time
from pathlib import Path
recipe, folder = sys.argv[-1], Path(sys.argv[1])
with open(folder / "asked", "a") as file: file.write(recipe + "\\n")
print("writing the graph", file=sys.stderr, flush=True)
if recipe == "article-summarizer" and not (folder / "mended").exists(): sys.exit("the disk is full")
if recipe == "movielens-recommender":
    while not (folder / "go-on").exists(): time.sleep(0.05)
version = folder / "models" / recipe / "1"
version.mkdir(parents=True, exist_ok=True)
(version / "manifest.json").touch()
"""


def command(folder: Path, *options: str) -> list[str]:
    code = (
        "import sys; from pathlib import Path; from training import beside;"
        f"beside.TRAINING = (sys.executable, '-c', {TRAINING!r}, {str(folder)!r});"
        f"beside.FAILED = Path({str(folder / 'failed')!r}); sys.exit(beside.main(sys.argv[1:]))"
    )
    return [sys.executable, "-c", code, str(folder / "models"), "--pause", "0.2", *options]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path


@pytest.fixture
def beside(folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command(folder, "--stay"), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    yield process
    process.terminate()
    assert process.wait(20) == 0
    assert process.stderr
    process.stderr.close()


def test_what_cannot_be_made_is_said_keeps_nothing_back_and_is_tried_again(
    folder: Path, beside: subprocess.Popen[str]
) -> None:
    assert beside.stderr
    eventually(lambda: (folder / "asked").is_file() and "movielens" in (folder / "asked").read_text())
    eventually(lambda: [one.state for one in read_making(folder / "models")] == ["failed", "making", "waiting"])
    failed, making, _ = read_making(folder / "models")
    assert (failed.model, failed.detail) == ("article-summarizer", "the disk is full")
    assert making.model == "movielens-recommender"
    (folder / "go-on").touch()
    said = beside.stderr.readline()
    while "could not be made" not in said:
        said = beside.stderr.readline()
    assert "could not be made: article-summarizer." in said
    eventually(lambda: (folder / "failed").is_file())
    assert (folder / "asked").read_text().split()[: len(DEFAULT_MODELS)] == [*DEFAULT_MODELS]
    (folder / "mended").touch()
    while "every default model is there" not in said:
        said = beside.stderr.readline()
    assert not (folder / "failed").exists()
    assert not (folder / "models" / MAKING).exists()
    assert beside.poll() is None  # it stays, beside the service


def test_it_ends_with_the_process_that_started_it(folder: Path) -> None:
    start = f"import subprocess, sys, time; subprocess.Popen({command(folder)!r}); time.sleep(600)"
    parent = subprocess.Popen([sys.executable, "-c", start], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: (folder / "asked").is_file() and "movielens" in (folder / "asked").read_text())
    finally:
        parent.kill()
        parent.wait()
    eventually(lambda: not (folder / "models" / MAKING).exists())


def test_it_makes_the_models_that_make_has_by_default() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (default,) = re.findall(r"^DEFAULT_MODELS := (.*)$", makefile, re.MULTILINE)
    (writer,) = re.findall(r"-m training --if-missing --variants (\S+)$", makefile, re.MULTILINE)
    assert [*DEFAULT_MODELS] == [*default.split(), writer]


def test_whoever_serves_first_and_makes_beside_it_is_not_waited_for() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (needed, recipe) = re.findall(r"^serve: (.*)\n((?:\t.*\n)+)", makefile, re.MULTILINE)[0]
    assert needed == ".venv/runtime"
    assert "training.beside --with $$$$" in recipe
    assert re.search(r"\) & \\\n\t +exec ", recipe)
