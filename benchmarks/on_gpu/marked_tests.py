"""The tests that are marked `gpu`, run by pytest in a process of its own."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from benchmarks.on_gpu.cells import FAILED, MISSING, Cell, Results
from benchmarks.on_gpu.part import Say

PRECISION, TECHNIQUE = "-", "pytest"
NONE_COLLECTED = 5


def measure(
    results: Results, folder: Path, seconds: float, say: Say, selected: tuple[str, ...] = ("-m", "gpu")
) -> None:
    """Note of each whether it passed; one that is skipped says why. All are run again by each call."""
    report = folder / "tests.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *selected, f"--junitxml={report}"]
    everything = Cell("all", PRECISION, 1, TECHNIQUE)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=max(5.0, seconds))
    except subprocess.TimeoutExpired:
        results.plan([everything])
        results.note({everything: {MISSING: f"they did not end within {seconds:.0f} s"}})
        return
    if not report.is_file() or done.returncode == NONE_COLLECTED:
        results.plan([everything])
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        results.note({everything: {MISSING: f"pytest did not run them: {' '.join(last)[:300]}"}})
        return
    found = {Cell(case.attrib["name"], PRECISION, 1, TECHNIQUE): outcome(case) for case in _cases(report)}
    results.cells.clear()
    results.plan(found)
    results.note(found)
    say(f"tests: {sum('passed' in one for one in found.values())} of {len(found)} passed")


def outcome(case: ET.Element) -> dict[str, Any]:
    skipped = case.find("skipped")
    if skipped is not None:
        return {MISSING: f"not here: {skipped.attrib.get('message', 'skipped')}"}
    for name in ("failure", "error"):
        if (broken := case.find(name)) is not None:
            return {FAILED: " ".join(broken.attrib.get("message", name).split())[:300]}
    return {"passed": True, "ms": 1e3 * float(case.attrib.get("time", "0"))}


def _cases(report: Path) -> list[ET.Element]:
    return list(ET.parse(report).getroot().iter("testcase"))
