import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from training.errors import TrainingError
from training.workdir import spent_before, state_of, working_folder

SETTINGS: dict[str, Any] = {"seed": 0, "tiny": True}


def leave(folder: Path, name: str = "checkpoint") -> None:
    """As a run does that is interrupted."""
    with suppress(KeyboardInterrupt), working_folder(folder, SETTINGS, resume=False):
        (folder / name).write_text("left")
        (folder / "fit").mkdir()
        raise KeyboardInterrupt


def test_a_resumed_run_finds_what_was_left_and_a_fresh_one_nothing(tmp_path: Path) -> None:
    leave(tmp_path / "w")
    with working_folder(tmp_path / "w", SETTINGS, resume=True) as folder:
        assert (folder / "checkpoint").read_text() == "left"
    with working_folder(tmp_path / "w", SETTINGS, resume=False) as folder:
        assert [path.name for path in folder.iterdir()] == ["run.json"]


def test_a_run_with_other_settings_is_not_resumed(tmp_path: Path) -> None:
    leave(tmp_path / "w")
    with (
        pytest.raises(TrainingError, match=r"had seed 0; start without --resume$"),
        working_folder(tmp_path / "w", {**SETTINGS, "seed": 1}, resume=True),
    ):
        pass


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with (
        pytest.raises(TrainingError, match="holds files that no training left there"),
        working_folder(tmp_path, SETTINGS, resume=False),
    ):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        working_folder(tmp_path / "w", SETTINGS, resume=False),
        pytest.raises(TrainingError, match="another run works in"),
        working_folder(tmp_path / "w", SETTINGS, resume=False),
    ):
        pass


def test_a_run_that_came_to_its_end_is_not_resumed(tmp_path: Path) -> None:
    with working_folder(tmp_path / "w", SETTINGS, resume=False) as folder:
        (folder / "result").write_text("done")
    with working_folder(tmp_path / "w", SETTINGS, resume=True) as folder:
        assert [path.name for path in folder.iterdir()] == ["run.json"]


def test_resuming_where_nothing_was_left_starts_afresh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with working_folder(tmp_path / "w", SETTINGS, resume=True) as folder:
        assert folder.is_dir()
    assert "nothing to resume" in capsys.readouterr().err


def test_a_source_that_changed_is_not_resumed(tmp_path: Path) -> None:
    source = tmp_path / "shop"
    source.mkdir()
    (source / "a.csv").write_text("text")
    settings = {"source": str(source), "files": state_of(str(source))}
    with pytest.raises(RuntimeError), working_folder(tmp_path / "work", settings, resume=False):
        raise RuntimeError
    with pytest.raises(RuntimeError), working_folder(tmp_path / "work", settings, resume=True):
        raise RuntimeError
    (source / "a.csv").write_text("more text")
    changed = {**settings, "files": state_of(str(source))}
    with (
        pytest.raises(TrainingError, match=f"cannot resume: {source} has changed since"),
        working_folder(tmp_path / "work", changed, resume=True),
    ):
        pass


def test_the_time_of_earlier_processes_counts(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    with suppress(KeyboardInterrupt), working_folder(folder, SETTINGS, resume=False):
        assert spent_before(folder) == 0
        time.sleep(0.2)
        raise KeyboardInterrupt
    with suppress(KeyboardInterrupt), working_folder(folder, SETTINGS, resume=True):
        assert 0.2 <= spent_before(folder) < 60
        time.sleep(0.3)
        raise KeyboardInterrupt
    with working_folder(folder, SETTINGS, resume=True):
        assert 0.5 <= spent_before(folder) < 60


def test_a_process_that_was_killed_counts_until_it_last_wrote_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    began = time.time() - 3600
    (folder / "checkpoint").touch()
    os.utime(folder / "checkpoint", (began + 100, began + 100))
    (folder / "run.json").write_text(f'{json.dumps(SETTINGS)}\n{json.dumps({"began": began})}\n{{"end')
    with working_folder(folder, SETTINGS, resume=True):
        assert spent_before(folder) == pytest.approx(100, abs=0.01)


def test_a_file_in_the_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "w").touch()
    with (
        pytest.raises(TrainingError, match="choose another --workdir"),
        working_folder(tmp_path / "w" / "line", SETTINGS, resume=False),
    ):
        pass
