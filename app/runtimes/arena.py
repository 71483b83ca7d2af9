"""One arena for the tensors of all ONNX graphs, with an end: no input takes all the memory of the machine."""

import os
import threading

import onnxruntime as ort

from app.cgroups import memory_limit

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


def memory_bytes() -> int:
    """The memory that this process may use: that of the machine, or less if its control groups say so."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = memory_limit()
    return machine if limit is None else min(machine, int(limit))
