"""One arena for the tensors of all ONNX graphs, with an end: no input takes all the memory of the machine."""

import threading
from pathlib import Path

import onnxruntime as ort

SHARE = 0.5  # of the memory that the process may use: weights and other tensors; the rest is for bodies and for others

_registering = threading.Lock()
_registered: list[int] = []


def open_arena(max_bytes: int | None = None) -> int:
    """Register the arena, and return how many bytes it may have: `max_bytes`, or half of the memory there is.

    The runtime takes one for the life of the process, so the first call decides. Sessions use it that are opened with
    `session.use_env_allocators`; what exceeds it fails like any other allocation.
    """
    with _registering:
        if not _registered:
            limit = max_bytes or int(SHARE * memory_bytes())
            place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
            # 0: the arena grows by powers of two, as a session's own does.
            ort.create_and_register_allocator(place, ort.OrtArenaCfg({"max_mem": limit, "arena_extend_strategy": 0}))
            _registered.append(limit)
        return _registered[0]


def memory_bytes(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """The memory that this process may use: that of the machine, or the least of its control groups' limits."""
    total = next(line for line in (proc / "meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    limits = [1024 * int(total.split()[1])]
    for line in (proc / "self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2: one tree
            limits += _limits(cgroups, path, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _limits(cgroups / "memory", path, "memory.limit_in_bytes")
    return min(limits)


def _limits(root: Path, path: str, file: str) -> list[int]:
    """Those of a group and of all above it; inside of a container the path may be one of the outside."""
    group = root / path.lstrip("/")
    found = []
    for one in (root, group, *group.parents):
        if one.is_relative_to(root) and (one / file).is_file():
            text = (one / file).read_text().strip()
            found += [int(text)] if text.isdecimal() else []
    return found
