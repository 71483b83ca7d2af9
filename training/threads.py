"""Threads of torch, of which a process has one number."""

from collections.abc import Iterator
from contextlib import contextmanager

from training.libraries import can_train


@contextmanager
def threads_as_before() -> Iterator[None]:
    """Give back the threads that others had: sums are rounded by their number, and a loaded program sets it for all."""
    if not can_train():
        yield
        return
    import torch

    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
