"""The processor time of the threads of a service in this process, of its graphs and of its decoders."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from app import niceness
from app.runtimes import RUNTIMES
from app.tasks import images
from app.tensors import Tensors

OTHERS = ("loop", "log", "before", "after")


class Counted:
    """Of graphs: seconds of the threads that ran them, rows, and batches; of decoding: the part outside of Python."""

    graph_s = decoding_s = 0.0
    rows = batches = 0


class Watched:
    """A session whose runs are counted. While `is_quick` it gives the answer to its first row again and again: what
    threads besides those of the graph take is then seen in thousands of requests within seconds.
    """

    is_quick = False

    def __init__(self, session: Any) -> None:
        self._session = session
        self._known: Tensors = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, inputs: Tensors) -> Tensors:
        began = time.thread_time()
        try:
            if not self.is_quick:
                return dict(self._session.run(inputs))
            if not self._known:
                first = self._session.run({name: array[:1] for name, array in inputs.items()})
                self._known = {name: np.array(array[:1]) for name, array in first.items()}
            rows = len(next(iter(inputs.values())))
            return {name: array.repeat(rows, axis=0) for name, array in self._known.items()}
        finally:
            Counted.graph_s += time.thread_time() - began
            Counted.rows += len(next(iter(inputs.values())))
            Counted.batches += 1


def watch() -> None:
    """Count what graphs and decoders take, in this process from now on.

    Threads that compute do not give way to other processes here: on a busy machine few requests would be answered.
    """
    niceness.NICER_BY = 0
    niceness.give_way.__defaults__ = (None, 0)
    open_onnx = RUNTIMES["onnx"]
    RUNTIMES["onnx"] = lambda path, options: Watched(open_onnx(path, options))
    for name in ("decode_jpeg", "resample"):
        setattr(images, name, _timed(getattr(images, name)))


def _timed(function: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:
        began = time.thread_time()
        try:
            return function(*given, **named)
        finally:
            Counted.decoding_s += time.thread_time() - began

    return timed


class Spent(NamedTuple):
    """Seconds of threads, by kind of thread; of the loop those in the system, too; and of graphs, as `Counted`."""

    threads: dict[str, float]
    system_s: float
    graph_s: float
    decoding_s: float
    rows: int
    batches: int


def spent() -> Spent:
    threads: dict[str, float] = {}
    system_s = 0.0
    for thread in threading.enumerate():
        if thread.ident is None or thread is threading.main_thread():
            continue
        kind = next((name for name in OTHERS if thread.name.startswith(name)), "lane")
        seconds = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        threads[kind] = threads.get(kind, 0.0) + seconds
        if kind == "loop":
            fields = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rpartition(")")[2].split()
            system_s = int(fields[12]) / os.sysconf("SC_CLK_TCK")
    return Spent(threads, system_s, Counted.graph_s, Counted.decoding_s, Counted.rows, Counted.batches)


def difference(before: Spent, after: Spent, answers: int) -> dict[str, float]:
    """Milliseconds of each kind of thread for an answer."""

    def ms(seconds: float) -> float:
        return round(1000 * seconds / answers, 4)

    found = {f"{kind}_ms": ms(after.threads[kind] - before.threads.get(kind, 0.0)) for kind in sorted(after.threads)}
    found["loop_system_ms"] = ms(after.system_s - before.system_s)
    found["graph_ms"] = ms(after.graph_s - before.graph_s)
    found["lane_python_ms"] = round(found["lane_ms"] - found["graph_ms"], 4)
    found["decoding_ms"] = ms(after.decoding_s - before.decoding_s)
    rows = (after.rows - before.rows) / max(1, after.batches - before.batches)
    return {"answers": answers, "rows_a_batch": round(rows, 2), **found}
