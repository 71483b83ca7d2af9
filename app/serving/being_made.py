"""The models that are being made beside the service, as its callers are told."""

import asyncio
from collections.abc import Callable, Sequence

from app.repository.making import Making
from app.serving.worker import Worker, WorkerDied

LOOK_S, READ_TIMEOUT_S = 1.0, 60.0


class BeingMade:
    """`now` is what the last look found."""

    def __init__(self, read: Callable[[], Sequence[Making]]) -> None:
        self._read = read
        self.now: Sequence[Making] = ()

    async def watch(self) -> None:
        """Look every LOOK_S, until it is cancelled. A disk that does not answer keeps nobody waiting."""
        worker = Worker("making")
        while True:
            try:
                self.now = await worker.call(self._read, READ_TIMEOUT_S)
            except (OSError, WorkerDied):  # whoever follows the repository tells it
                self.now = ()
                worker.abandon()
                worker = Worker("making")
            await asyncio.sleep(LOOK_S)
