"""python -m benchmarks.liveness: is everybody else answered while one request is read, computed and written?

Starts the service with all models of models/, two that give back what they get, and small ones of the kinds that are
not there, and sends it the requests of the other files here, one after another. Meanwhile a process of its own asks
/health/live every few milliseconds.
Prints for each request its status, how long it took, the longest wait for /health/live meanwhile and the most memory
beyond what the idle service had just before it. Exit status 1 if a bound is broken: BOUND_S, BOUND_BYTES, GONE_S, or a
status that is not expected.

Other work on the machine only makes waits longer: a request with too long a one is sent up to three times, and the
shortest counts.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.liveness.hostile import hostile
from benchmarks.liveness.kinds import hostile_kinds, lawful_kinds
from benchmarks.liveness.lawful import lawful, ordinary
from benchmarks.liveness.making import Case
from benchmarks.liveness.own import publish_echoes
from benchmarks.liveness.sequences import HEARS, TRANSLATES, hostile_sequences, lawful_sequences, warm_sequences
from benchmarks.liveness.small import publish_kinds
from benchmarks.liveness.writing import MODEL, hostile_writing, lawful_writing, warm
from benchmarks.processes import cpu_of, free_port, started
from benchmarks.ready import until_ready

BOUND_S = 0.1  # until /health/live is answered
BOUND_BYTES = 3 * 32_000_000  # beyond the idle service before the request: three times the largest body
GONE_S = 1.0  # of computing, at most, for who has hung up
PATIENCE_S = 60.0
SETTLING_S = 0.3
TRIES = 3
OPTIONAL = (
    ((MODEL,), (lawful_writing, hostile_writing), warm),
    ((HEARS, TRANSLATES), (lawful_sequences, hostile_sequences), warm_sequences),
)
"""Requests to models that models/ may lack."""


class Probe:
    """The waits for /health/live, as the other process measures them."""

    def __init__(self, port: int) -> None:
        command = [sys.executable, "-m", "benchmarks.liveness.probe", str(port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._waits: list[tuple[float, float]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            began, wait = map(float, line.split())
            self._waits.append((began, wait))

    def longest(self, start: float, end: float) -> float:
        """The longest wait, in seconds, of those that lie wholly or partly between two moments."""
        until = time.monotonic() + PATIENCE_S
        while not self._waits or self._waits[-1][0] < end:  # until what was asked before `end` has been answered
            if time.monotonic() > until or self._process.poll() is not None:
                return PATIENCE_S
            time.sleep(0.01)
        return max(wait for began, wait in self._waits if began + wait >= start and began <= end)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


class Process:
    """The figures that the system has of the service."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    def forget_peak(self) -> None:
        (self._folder / "clear_refs").write_text("5")

    def peak_bytes(self) -> int:
        return self._status("VmHWM")

    def bytes(self) -> int:
        return self._status("VmRSS")

    def cpu_s(self) -> float:
        return cpu_of([int(self._folder.name)])

    def _status(self, name: str) -> int:
        lines = (self._folder / "status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))


@dataclass(frozen=True, slots=True)
class Measured:
    """One request that was sent; `status` is 0 if the client hung up or was not answered."""

    case: Case
    status: int
    took_s: float
    wait_s: float
    more_bytes: int
    gone_cpu_s: float

    def broken(self) -> str:
        """The bounds that it broke, in words."""
        found = []
        if self.wait_s > BOUND_S:
            found.append("wait")
        if self.more_bytes > BOUND_BYTES + self.case.decoded_bytes:
            found.append("memory")
        if self.case.hangs_up_s is None and self.status not in self.case.statuses:
            found.append("status")
        if self.gone_cpu_s > GONE_S:
            found.append("goes on")
        return ", ".join(found)


def send(port: int, case: Case) -> tuple[int, float]:
    """Send a request and read its answer. Returns its status and the seconds that it took."""
    headers, pieces = case.sent()
    head = f"POST {case.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX-Request-Timeout-Ms: 20000\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        try:
            for piece in (head.encode(), *pieces):
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has refused the rest
        if case.hangs_up_s is not None:
            time.sleep(case.hangs_up_s)
            return 0, time.monotonic() - began
        status = _status_of(connection)
    return status, time.monotonic() - began


def _status_of(connection: socket.socket) -> int:
    """Read an answer to its end, without keeping it."""
    start = b""
    try:
        while read := connection.recv(1_000_000):
            start = start or read[:20]
    except (ConnectionResetError, TimeoutError):
        pass
    return int(start.split(b" ")[1]) if start.startswith(b"HTTP/1.1 ") else 0


def measure(port: int, case: Case, probe: Probe, service: Process) -> Measured:
    idle_bytes = service.bytes()
    service.forget_peak()
    start = time.monotonic()
    status, took_s = send(port, case)
    gone_cpu_s = 0.0
    if case.hangs_up_s is not None:
        time.sleep(SETTLING_S)  # a step that has begun ends
        before = service.cpu_s()
        time.sleep(3)
        gone_cpu_s = service.cpu_s() - before
    time.sleep(SETTLING_S)
    wait_s = probe.longest(start, time.monotonic() - SETTLING_S / 2)
    return Measured(case, status, took_s, wait_s, service.peak_bytes() - idle_bytes, gone_cpu_s)


def best(port: int, case: Case, probe: Probe, service: Process) -> Measured:
    found: list[Measured] = []
    while not found or (found[-1].wait_s > BOUND_S and len(found) < TRIES):
        found.append(measure(port, case, probe, service))
    return min(found, key=lambda one: one.wait_s)


@contextmanager
def service() -> Iterator[tuple[int, Process]]:
    """The port and process of the service with all models."""
    with tempfile.TemporaryDirectory(prefix="tessera-liveness-") as folder:
        models, port, log = Path(folder) / "models", free_port(), Path(folder) / "log"
        shutil.copytree("models", models, ignore=shutil.ignore_patterns(".publishing-*"))
        publish_echoes(models, Path(folder))
        publish_kinds(models, Path(folder))
        command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
        cores = sorted(os.sched_getaffinity(0))
        with log.open("wb") as output, started(command, {"TESSERA_MODELS_DIR": str(models)}, cores, output) as process:
            try:
                until_ready(port, process)
            except SystemExit:
                print(log.read_text()[-2000:], file=sys.stderr)
                raise
            yield port, Process(process.pid)


def warm_up(port: int, beside: Sequence[Case]) -> None:
    """Ask every model for a full batch. Raises RuntimeError if one does not answer."""
    for case in (*ordinary(), *beside):
        status, _ = send(port, case)
        if status not in case.statuses:
            raise RuntimeError(f"{case.name}: {case.path} answered {status}")


def report(found: Sequence[Measured], quiet_s: float, idle_bytes: int, last_bytes: int) -> int:
    broken = [one for one in found if one.broken()]
    print(f"\nidle: {idle_bytes / 1e6:.0f} MB, the longest wait of a second {1000 * quiet_s:.0f} ms")
    print(f"idle after all: {last_bytes / 1e6:.0f} MB")
    print(f"worst wait {1000 * max(one.wait_s for one in found):.0f} ms, bound {1000 * BOUND_S:.0f} ms")
    print(f"most memory {max(one.more_bytes for one in found) / 1e6:.0f} MB, bound {BOUND_BYTES / 1e6:.0f} MB")
    print(f"{len(broken)} of {len(found)} requests break a bound")
    return 1 if broken else 0


def row(one: Measured) -> str:
    status = "gone" if one.case.hangs_up_s is not None else str(one.status)
    return (
        f"{one.case.name:42} {status:>6} {one.took_s:7.2f} {1000 * one.wait_s:8.0f} {one.more_bytes / 1e6:8.0f}"
        f"  {one.broken()}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.liveness", description=__doc__)
    parser.add_argument("--only", help="requests whose names have one of these in them, with commas between")
    chosen = parser.parse_args()
    words = (chosen.only or "").split(",")
    with service() as (port, process):
        probe = Probe(port)
        try:
            every, first = [*lawful(), *hostile(), *lawful_kinds(), *hostile_kinds()], list[Case]()
            for needed, cases_of, warm_of in OPTIONAL:
                if missing := [name for name in needed if not Path("models", name).is_dir()]:
                    print(f"without {', '.join(missing)}, which models/ lacks, and what asks {', '.join(needed)}")
                    continue
                every += [case for some in cases_of for case in some()]
                first += warm_of()
            cases = [case for case in every if any(word in case.name for word in words)]
            if not cases:
                parser.error(f"no request has one of {chosen.only} in its name")
            warm_up(port, first)
            time.sleep(1)
            now = time.monotonic()
            quiet_s, idle_bytes = probe.longest(now - 1, now), process.bytes()
            print(f"{'request':42} {'status':>6} {'took s':>7} {'wait ms':>8} {'more MB':>8}  breaks")
            found = []
            for case in cases:
                found.append(best(port, case, probe, process))
                print(row(found[-1]), flush=True)
            return report(found, quiet_s, idle_bytes, process.bytes())
        finally:
            probe.stop()


if __name__ == "__main__":
    sys.exit(main())
