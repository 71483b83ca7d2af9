"""The hardware that decides how fast a graph runs here, in words that can be compared."""

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from app.cgroups import cpu_quota

CPUINFO = Path("/proc/cpuinfo")
GPUS = Path("/proc/driver/nvidia/gpus")
# What runs a graph, by runtime.
LIBRARIES = {"onnx": ("onnxruntime", "onnxruntime-gpu"), "pytorch": ("torch",)}

# Vector instructions that kernels choose by.
KINDS = {"avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "avx_vnni", "asimddp", "i8mm", "bf16"}


def hardware(device: str, cores: int, runtimes: Iterable[str] = ("onnx",)) -> dict[str, str]:
    """The processor, how many of its cores may be used, the GPU, and the versions of these runtimes.

    Of other libraries nothing: whoever measures may have more of them installed than whoever serves.
    """
    found = {"processor": _processor(), "machine": platform.machine(), "cores": str(cores), "device": device}
    if gpus := [_field(path, "Model") for path in sorted(GPUS.glob("*/information"))]:
        found["gpu"] = ", ".join(gpus)
    if quota := cpu_quota():
        found["quota"] = f"{quota:g}"
    for library in (library for runtime in sorted(set(runtimes)) for library in LIBRARIES[runtime]):
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    if not CPUINFO.exists():
        return platform.processor() or "unknown"
    flags = KINDS.intersection((_field(CPUINFO, "flags") or _field(CPUINFO, "Features")).split())
    return " ".join([_field(CPUINFO, "model name") or "unknown", *sorted(flags)])


def _field(path: Path, name: str) -> str:
    """The first value of a `name: value` line; empty if there is none."""
    pairs = (line.partition(":") for line in path.read_text(errors="replace").splitlines())
    return next((value.strip() for key, _, value in pairs if key.strip() == name), "")
