"""Let one thread end what another one computes, where the runtime of the model can be told to stop."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Interrupted(Exception):
    """The run was ended before it was done."""


class Interrupt:
    """Ends what a thread runs `here`: set by another thread, and heard by every run that is `interruptible`."""

    def __init__(self) -> None:
        self.is_set = False
        self._end: Callable[[], None] | None = None
        self._lock = threading.Lock()

    @property
    def is_heard(self) -> bool:
        """Whether what runs just now would end if this were set. Not so for a runtime that cannot be told."""
        return self._end is not None

    def set(self) -> None:
        """End what runs here now, and at its start whatever begins later."""
        with self._lock:
            self.is_set = True
            if self._end:
                self._end()

    @contextmanager
    def here(self) -> Iterator[None]:
        """Inside, this is the interrupt of the calling thread."""
        _of_thread.interrupt = self
        try:
            yield
        finally:
            _of_thread.interrupt = None

    @contextmanager
    def _heard_by(self, end: Callable[[], None]) -> Iterator[None]:
        with self._lock:
            self._end = end
            if self.is_set:
                end()
        try:
            yield
        except Exception as error:
            if self.is_set:
                raise Interrupted from error
            raise
        finally:
            with self._lock:
                self._end = None


_of_thread = threading.local()


@contextmanager
def interruptible(end: Callable[[], None]) -> Iterator[None]:
    """While this runs, whoever sets the interrupt of this thread calls `end`.

    Raises Interrupted for whatever is raised inside once the interrupt is set.
    """
    interrupt: Interrupt | None = getattr(_of_thread, "interrupt", None)
    if interrupt is None:
        yield
        return
    with interrupt._heard_by(end):
        yield
