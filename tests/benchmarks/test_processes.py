"""Nothing is left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from benchmarks.processes import cpu_of

RUNAWAY = """
import os, subprocess, sys
from benchmarks.processes import descendants, started

ignores = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
orphans = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {ignores!r}], start_new_session=True)"
server = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {orphans!r}]); print('up', flush=True)"
bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
command = [sys.executable, "-c", server + "; time.sleep(60)"]
with started(command, {}, sorted(os.sched_getaffinity(0)), subprocess.PIPE) as one:
    one.stdout.readline()
    print(len(descendants()))
print(descendants() == {bystander.pid})
bystander.kill()
"""


def test_stopping_ends_what_ran_away_and_nothing_else() -> None:
    """A process in a session of its own, whose parent has ended, and which ignores SIGTERM."""
    found = subprocess.run([sys.executable, "-c", RUNAWAY], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["3", "True"]


TERMINATED = """
import os, subprocess, sys, time
from benchmarks.processes import started

with started([sys.executable, "-c", "import time; time.sleep(60)"], {}, sorted(os.sched_getaffinity(0)), 2) as one:
    print(one.pid, flush=True)
    time.sleep(60)
"""


def test_whoever_is_terminated_stops_first_what_he_started() -> None:
    with subprocess.Popen([sys.executable, "-c", TERMINATED], stdout=subprocess.PIPE) as terminated:
        assert terminated.stdout
        started = int(terminated.stdout.readline())
        terminated.terminate()
        assert terminated.wait(20) == 128 + signal.SIGTERM
    assert not Path(f"/proc/{started}").exists()


def test_seconds_of_computing_are_read_of_a_process() -> None:
    assert cpu_of({os.getpid()}) > 0
