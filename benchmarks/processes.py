"""Processes that are pinned to cores, watched, and stopped with all that they started. Knows nothing of servers."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

STOP_S = 5.0


@contextmanager
def started(
    command: Sequence[str],
    environment: dict[str, str],
    cores: Sequence[int],
    output: IO[bytes] | int,
    folder: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on `cores`, which is stopped at the end with all that it started; SIGTERM is an end, too."""
    adopt_orphans()
    end_on_sigterm()
    others = descendants()
    process = subprocess.Popen(
        ["taskset", "-c", ",".join(map(str, cores)), *command],
        env={**os.environ, **environment},
        cwd=folder,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        stop(process, others)


def stop(process: subprocess.Popen[bytes], others: set[int]) -> None:
    """End `process` and all descendants of this one except `others`."""
    with _undisturbed():
        _stop(process, others)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not leave half of them behind."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _stop(process: subprocess.Popen[bytes], others: set[int]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    until = time.monotonic() + STOP_S
    while left := descendants() - others:
        for pid in left:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > until:
            raise RuntimeError(f"processes {sorted(left)} do not end")
        time.sleep(0.02)
    process.poll()


def adopt_orphans() -> None:
    """Processes whose parent ends become ours instead of init's, so that we can end them."""
    set_child_subreaper = 36
    ctypes.CDLL(None, use_errno=True).prctl(set_child_subreaper, 1, 0, 0, 0)


def end_on_sigterm() -> None:
    """Let SIGTERM raise SystemExit, unless it does something already: what was started is stopped on the way out."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def descendants(root: int | None = None) -> set[int]:
    """All processes below `root`, by default this one."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found, last = set[int](), {root or os.getpid()}
    while last:
        last = {pid for pid, parent in parents.items() if parent in last} - found
        found |= last
    return found


def rss_bytes(root: int) -> int:
    """Memory in use by `root` and all below it; pages that they share count for each."""
    total = 0
    for pid in {root} | descendants(root):
        with suppress(OSError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return total * os.sysconf("SC_PAGE_SIZE")


def cpu_of(pids: Iterable[int]) -> float:
    """Seconds of computing of processes that still run, in all their threads (proc(5): utime and stime)."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
