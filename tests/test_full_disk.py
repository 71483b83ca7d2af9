"""A disk without room: one sentence, nothing half published, no empty folder. A limit on files stands for it."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from graphs import doubled_and_summed

from app.errors import InvalidArtifact
from app.full_disk import no_room
from app.repository import publish as publishing
from app.repository.publish import publish

FIELDS = {"task": "tensors", "runtime": "onnx", "graphs": {"model": "w"}, "inputs": (), "outputs": ()}


def run(*command: str, most_bytes: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a module with files of at most so many bytes."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    return subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, "TESSERA_MODELS_DIR": str(folder / "models"), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=limited,
        capture_output=True,
        text=True,
    )


def test_the_system_s_words_are_found_in_what_led_to_an_error() -> None:
    full = OSError(28, "No space left on device")
    other = RuntimeError("the writer failed")
    other.__context__ = full
    assert no_room(full) == no_room(other) == no_room(Exception("No space left on device (os error 28)"))
    assert no_room(full) == "No space left on device"
    assert no_room(OSError(13, "Permission denied")) == no_room(ValueError("no")) == ""


def test_a_first_version_without_room_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w").write_bytes(b"w")

    def full(folder: Path, manifest: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(publishing, "write_manifest", full)
        with pytest.raises(InvalidArtifact, match=r"mine is not published, since .* has no room for it: No space left"):
            publish(tmp_path / "models", "mine", {"w": tmp_path / "w"}, **FIELDS)
    assert os.listdir(tmp_path / "models") == []
    assert publish(tmp_path / "models", "mine", {"w": tmp_path / "w"}, **FIELDS).version == 1


def test_models_add_without_room_says_so_in_one_sentence(tmp_path: Path) -> None:
    graph = doubled_and_summed(tmp_path / "doubled.onnx")
    size = graph.stat().st_size
    ended = run("app", "models", "add", str(graph), "--name", "mine", most_bytes=size + 10, folder=tmp_path)
    assert ended.returncode == 1, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert "mine is not published, since" in line
    assert line.endswith("has no room for it: File too large")
    assert not list((tmp_path / "models").glob("*"))
