import subprocess
import sys

import pytest

PROGRAM = """
import os
from app.runtimes.allocator import return_large_blocks

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

return_large_blocks()
bytearray(30_000_000)  # glibc would take the next ones from a heap, which can only be given back at its end
large, small = [], []
for _ in range(10):
    large.append(bytearray(20_000_000))
    small.append(bytearray(100_000))
before = resident()
del large
print(before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_what_was_large_is_given_back_when_it_is_freed():
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(run.stdout) > 190_000_000
