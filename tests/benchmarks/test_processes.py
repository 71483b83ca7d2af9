"""Nothing is left behind."""

import subprocess
import sys

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
