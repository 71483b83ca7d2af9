"""Figures of recognizers of speech beside one another, and the recording that all have in common."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.speech import FAST, PAUSE_S, Took, joined, spread, table, worker
from training.data.spoken_texts import Spoken

ECHO = """
import json, sys
print(flush=True)
for line in sys.stdin:
    print(json.dumps({"texts": json.loads(line), "wall_s": 2.0, "cpu_s": 3.0}), flush=True)
"""


def test_a_row_has_medians_and_ratios_within_a_round() -> None:
    peer = [Took(["he was there"], 2.0, 4.0), Took(["he was there"], 4.0, 4.0)]
    ours = [Took(["He was here."], 1.0, 2.0), Took(["He was here."], 1.0, 1.0)]

    lines = table({FAST: peer, "ours": ours}, 10.0, ["he was there"]).splitlines()

    assert lines[2].endswith("| 1.000 (1.000-1.000) | 1.000 (1.000-1.000) | 0.0 % |")
    assert lines[3] == (
        "| ours | 0.150 (0.100-0.200) | 0.100 (0.100-0.100) | 3.000 (2.000-4.000) | 3.000 (2.000-4.000) | 33.3 % |"
    )
    assert spread([3.0, 1.0, 2.0]) == "2.000 (1.000-3.000)"


def test_recordings_are_joined_with_pauses(tmp_path: Path) -> None:
    for name in ("one", "two"):
        soundfile.write(tmp_path / f"{name}.wav", np.full(800, 1000, np.int16), 8000)
    spoken = [Spoken(name, tmp_path / f"{name}.wav") for name in ("one", "two")]

    samples, rate = soundfile.read(joined(spoken, tmp_path / "long.wav"), dtype="int16")

    assert rate == 8000
    assert len(samples) == 2 * (800 + PAUSE_S * rate)
    assert np.flatnonzero(samples[800:])[0] == PAUSE_S * rate


def test_a_worker_answers_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(ECHO)
    with worker([sys.executable, str(tmp_path / "echo.py")], 1) as ask:
        assert ask([Path("a.wav"), Path("b.wav")]) == Took(["a.wav", "b.wav"], 2.0, 3.0)
        assert ask([Path("c.wav")]).texts == ["c.wav"]


def test_a_worker_that_does_not_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit(1)")
    broken = worker([sys.executable, str(tmp_path / "broken.py")], 1)
    with pytest.raises(SystemExit, match=r"does not run .*broken\.py"), broken:
        pass
