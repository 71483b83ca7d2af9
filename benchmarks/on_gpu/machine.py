"""The machine that is measured, and what it lacks, in words."""

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

Provider = Literal["cuda", "cpu"]
PACKAGES = ("torch", "onnxruntime", "onnxruntime-gpu", "onnx", "numpy", "tessera")


class NotHere(Exception):
    """Why something cannot be measured on this machine."""


def described(provider: Provider, tiny: bool) -> dict[str, Any]:
    return {
        "provider": provider,
        "device": _device(provider),
        "tiny": tiny,
        "driver": _driver() if provider == "cuda" else None,
        "cuda": _torch_cuda() if provider == "cuda" else None,
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


@cache
def torch_fault(provider: Provider) -> str | None:
    """Why torch cannot compute there, or None."""
    try:
        import torch
    except ImportError as error:
        return f"torch cannot be imported: {error}"
    if provider == "cpu":
        return None
    if torch.version.cuda is None:
        return "this torch has no CUDA"
    return None if torch.cuda.is_available() else "torch found no CUDA device"


@cache
def onnx_fault(provider: Provider) -> str | None:
    """Why ONNX Runtime cannot compute there, or None. It loads the libraries of CUDA on the way."""
    try:
        import onnxruntime as ort
    except ImportError as error:
        return f"onnxruntime cannot be imported: {error}"
    if provider == "cuda":
        if "CUDAExecutionProvider" not in ort.get_available_providers():
            return "this onnxruntime has no CUDA provider"
        ort.preload_dlls()
    return None


def _device(provider: Provider) -> str:
    if provider == "cuda":
        if torch_fault(provider) is None:
            import torch

            return str(torch.cuda.get_device_name())
        return _asked("name") or "no CUDA device"
    return f"CPU ({platform.machine()})"


def _driver() -> str | None:
    return _asked("driver_version")


def _asked(field: str) -> str | None:
    command = ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.splitlines()[0].strip() if asked.stdout.strip() else None


def _torch_cuda() -> str | None:
    try:
        import torch
    except ImportError:
        return None
    return torch.version.cuda


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
