"""The scripts of the images: versions are copied whole, and models that are missing are made."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def copied(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    script = [ROOT / "deploy" / "copy-models", source, target]
    return subprocess.run(script, capture_output=True, text=True, check=True)


def test_versions_are_copied_whole_and_those_that_are_there_stay(tmp_path):
    source, target = tmp_path / "from", tmp_path / "to"
    for version in ("a/1", "a/2", "b/1"):
        (source / version).mkdir(parents=True)
        (source / version / "manifest.json").write_text(version)
    (target / "a" / "1").mkdir(parents=True)
    (target / "a" / "1" / "manifest.json").write_text("trained here")
    half = target / "b" / ".copying-1"  # as an interruption leaves it
    half.mkdir(parents=True)
    (half / "half").touch()
    assert copied(source, target).stdout.splitlines() == ["copied a version 2", "copied b version 1"]
    files = {str(path.relative_to(target)): path.read_text() for path in target.rglob("*") if path.is_file()}
    assert files == {"a/1/manifest.json": "trained here", "a/2/manifest.json": "a/2", "b/1/manifest.json": "b/1"}
    target.chmod(0o555)
    try:
        assert copied(source, target).stdout == ""
    finally:
        target.chmod(0o755)


def recipes() -> list[str]:
    """Those of the image that trains."""
    (made,) = re.findall(
        r"^RECIPES = (\(.*?^\))$", (ROOT / "deploy/make-missing").read_text(), re.MULTILINE | re.DOTALL
    )
    return list(ast.literal_eval(made))


# Stands for `python -m training`: fails for one recipe until somebody lets it succeed, and notes what it was asked.
TRAINING = """
import os, sys
from pathlib import Path
recipe, folder = sys.argv[-1], Path(os.environ["TESSERA_CACHE"])
with open(folder / "asked", "a") as file: file.write(recipe + "\\n")
if recipe == "article-summarizer" and not (folder / "mended").exists(): sys.exit(1)
"""


def test_what_cannot_be_trained_is_said_keeps_nothing_back_and_is_tried_again(tmp_path):
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "__main__.py").write_text(TRAINING)
    failed = tmp_path / "failed"
    environment = {**os.environ, "TESSERA_CACHE": str(tmp_path), "PYTHONPATH": str(tmp_path), "TMPDIR": str(tmp_path)}
    command = [sys.executable, ROOT / "deploy" / "make-missing", tmp_path / "models", "--pause", "0.2"]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        said = process.stderr.readline()
        assert "could not be made: article-summarizer." in said
        assert failed.read_text() == "article-summarizer"
        asked = (tmp_path / "asked").read_text().split()
        assert asked[: len(recipes())] == recipes()
        (tmp_path / "mended").touch()
        while "every default model is there" not in said:
            said = process.stderr.readline()
        assert not failed.exists()
        assert process.poll() is None  # it stays, beside the service
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.stderr.close()


def test_the_images_make_the_models_that_make_serve_makes():
    makefile = (ROOT / "Makefile").read_text()
    (default,) = re.findall(r"^DEFAULT_MODELS := (.*)$", makefile, re.MULTILINE)
    (writer,) = re.findall(r"-m training --if-missing --variants (\S+)$", makefile, re.MULTILINE)
    assert recipes() == [*default.split(), writer]
