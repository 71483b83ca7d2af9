"""Coverage is of app/, but its tracer makes every library take twice its time."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

CHILDREN_ARE_MEASURED = "COVERAGE_PROCESS_CONFIG"  # coverage's own variable


@contextmanager
def not_measured() -> Iterator[None]:
    """Neither here, nor in threads and processes that start meanwhile.

    The tracer itself is taken off: each worker has several Coverages, and one that is stopped wakes the one before it.
    """
    here, in_threads = sys.gettrace(), threading.gettrace()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(CHILDREN_ARE_MEASURED, raising=False)
        sys.settrace(None)
        threading.settrace(None)
        try:
            yield
        finally:
            threading.settrace(in_threads)
            sys.settrace(here)
