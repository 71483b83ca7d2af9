"""The wheel has all that serves and all that makes models, and serves without the libraries of training."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("app", "training", "deploy", "tessera_client", "tessera.py", "pyproject.toml", "README.md", "LICENSE")

SERVED = """
import sys
for library in ("torch", "lightning", "transformers", "onnx", "sklearn", "scipy", "pandas", "gguf", "safetensors"):
    sys.modules[library] = None
sys.path.insert(0, sys.argv[1])
import app, tessera
from pathlib import Path
from starlette.testclient import TestClient
from app.main import build
from app.settings import Settings
assert Path(app.__file__).is_relative_to(sys.argv[1]) and Path(tessera.__file__).is_relative_to(sys.argv[1])
application, _ = build(Settings(models_dir=Path(sys.argv[2]), device="cpu"))
with TestClient(application) as client:
    while client.get("/health/ready").status_code != 200: pass
    assert client.get("/pages/main.js").status_code == client.get("/docs").status_code == 200
    answer = client.post("/v1/models/tiny-sentiment/predict", json={"inputs": ["a good film"]})
    assert answer.json()["outputs"][0][0]["label"] == "positive", answer.text
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("setuptools")
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile
        copy(ROOT / part, source / part)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    built = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as zipped:
        zipped.extractall(folder / "site")
    return folder / "site"


def test_it_serves_in_an_empty_environment(unpacked: Path, models_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    command = [sys.executable, "-c", SERVED, unpacked, models_dir]
    ended = subprocess.run(command, cwd=tmp_path / "empty", capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert "[console_scripts]\ntessera = tessera:main" in next(unpacked.glob("*/entry_points.txt")).read_text()


def test_what_models_are_made_with_is_in_it(unpacked: Path) -> None:
    for file in ROOT.glob("training/**/*"):
        if file.is_file() and file.suffix in (".py", ".md", ".json", ".csv") and file.parent.name != "data":
            assert (unpacked / file.relative_to(ROOT)).is_file(), file
