"""How much memory there is, and that no graph takes more than its share of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from graphs import filled

from app.runtimes.arena import memory_bytes

TOTAL = 8_000_000 * 1024


def machine(root: Path, cgroup: str, **limits: str) -> dict[str, Path]:
    """A made-up /proc and /sys/fs/cgroup; `limits` are by the path of the file, with two underscores for a slash."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text("MemTotal:        8000000 kB\nMemFree:         1 kB\n")
    (root / "proc/self/cgroup").write_text(cgroup)
    for name, limit in limits.items():
        file = root / "cgroup" / name.replace("__", "/").replace("-", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(limit + "\n")
    return {"proc": root / "proc", "cgroups": root / "cgroup"}


@pytest.mark.parametrize(
    ("cgroup", "limits", "expected"),
    [
        ("0::/\n", {}, TOTAL),
        ("0::/\n", {"memory-max": "max"}, TOTAL),
        ("0::/\n", {"memory-max": "600000000"}, 600_000_000),
        ("0::/a/b\n", {"a__memory-max": "500", "a__b__memory-max": "900"}, 500),
        ("0::/../outside\n", {"memory-max": "700"}, 700),
        ("5:cpu:/x\n4:memory:/x\n", {"memory__x__memory-limit_in_bytes": "400"}, 400),
        ("4:memory:/docker/1\n", {"memory__memory-limit_in_bytes": "300"}, 300),
        ("4:memory:/\n", {"memory__memory-limit_in_bytes": "9223372036854771712"}, TOTAL),
    ],
    ids=["none", "no limit", "version 2", "that above is smaller", "outside", "version 1", "inside", "unlimited"],
)
def test_the_least_limit_counts(tmp_path, cgroup, limits, expected):
    assert memory_bytes(**machine(tmp_path, cgroup, **limits)) == expected


def test_this_machine_has_memory():
    assert memory_bytes() > 100_000_000


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
