"""What the images and compose files say of themselves; `deploy/try-images` tries them with an engine."""

import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_runtime_for_gpus_brings_its_cuda_libraries():
    runtime = next(one for one in map(Requirement, PROJECT["optional-dependencies"]["gpu"]) if "gpu" in one.name)
    assert runtime.extras == {"cuda", "cudnn"}


def test_a_runtime_without_cuda_is_no_runtime_for_gpus():
    checked = subprocess.run([sys.executable, ROOT / "deploy" / "check-cuda"], capture_output=True, text=True)
    assert checked.returncode == 1
    assert checked.stderr == "this onnxruntime has no CUDA provider; install the extra `gpu`\n"
