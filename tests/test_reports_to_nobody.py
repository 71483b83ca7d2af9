"""Nothing that is entered leaves the machine, and neither does anything about it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest
from services import PREDICT, Service
from waiting import eventually

REPORTS_AFTER_S = 12.0  # ONNX Runtime looks up its maker's address some 8 s after the first session
STRACE = shutil.which("strace")


def can_trace() -> bool:
    return bool(STRACE) and not subprocess.run([str(STRACE), "-qq", "-e", "trace=none", "true"], check=False).returncode


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one; and no setting from outside has stopped what is looked for."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
    return folder


@pytest.mark.parametrize(
    "module", ["app.runtimes.onnx", "training.graphs.export", "training.graphs.quantize", "benchmarks.graphs"]
)
def test_a_session_leaves_nothing_at_home(module, home, models_dir):
    graph = next(models_dir.glob("*/1/model.onnx"))
    opened = f"import {module}, onnxruntime; onnxruntime.InferenceSession({str(graph)!r})"
    subprocess.run([sys.executable, "-c", opened], check=True, timeout=120)
    assert list(home.rglob("*")) == []


def test_the_service_leaves_nothing_at_home_and_looks_nothing_up(home, models_dir, tmp_path):
    calls = tmp_path / "calls"
    # With -D the service keeps its own process id, and the tracer is the child.
    tracer = [str(STRACE), "-D", "-f", "-qq", "-e", "trace=network", "-o", str(calls)] if can_trace() else []
    service = Service(models_dir, under=tracer)
    try:
        eventually(service.is_ready, 60)
        end = monotonic() + (REPORTS_AFTER_S if tracer else 0)
        assert httpx.post(service.url + PREDICT, json={"inputs": ["a good film"]}).status_code == 200
        while monotonic() < end:
            sleep(0.2)
    finally:
        service.close()
    assert list(home.rglob("*")) == []
    if not tracer:
        pytest.skip("strace is not here, or may not trace; nothing was left at home")
    spoken_to = re.findall(r'inet_(?:addr\(|pton\(AF_INET6, )"([^"]+)"', calls.read_text())
    assert set(spoken_to) == {"127.0.0.1"}
