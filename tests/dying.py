"""For tests that let a thread die. pytest takes what is told of it after its test for a fault of the next one."""

import threading
from collections.abc import Iterator

import pytest

DIES_WITHIN_S = 1.0


@pytest.fixture(autouse=True)
def dead_are_told() -> Iterator[None]:
    """Ends a test when the threads that it began are over, or are not about to be."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(DIES_WITHIN_S)
