"""Memory is counted, and no graph takes more than its share of it."""

import json
import subprocess
import sys

from graphs import filled

from app.runtimes.arena import memory_bytes


def test_memory_is_that_of_the_machine_or_what_control_groups_leave_of_it(monkeypatch):
    machine = memory_bytes()
    assert machine > 100_000_000
    monkeypatch.setattr("app.runtimes.arena.memory_limit", lambda: 50_000_000)
    assert memory_bytes() == 50_000_000
    monkeypatch.setattr("app.runtimes.arena.memory_limit", lambda: 2**63 - 4096)  # version 1 without a limit
    assert memory_bytes() >= machine


ASKED = """
import json, sys
from pathlib import Path
import numpy as np
from app.runtimes.arena import open_arena
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
open_arena(300_000_000)
session = load_onnx(Path(sys.argv[1]), RuntimeOptions(device="cpu"))
said = []
for size in (10, 1000, 100):
    try:
        said.append(session.run({"shape": np.array([100, 1000, size])})["y"].size)
    except MemoryError:
        said.append("no memory")
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(json.dumps([said, int(peak) // 1024]))
"""


def test_a_graph_that_is_asked_for_more_than_there_is_fails_and_answers_the_next(tmp_path):
    command = [sys.executable, "-c", ASKED, str(filled(tmp_path / "filled.onnx"))]
    said, megabytes = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert said == [1_000_000, "no memory", 10_000_000]
    assert megabytes < 390  # the 400 MB that it was asked for were never taken
