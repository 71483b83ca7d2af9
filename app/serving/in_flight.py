"""The requests that one version is answering, and whether it takes more."""

import asyncio

from app.errors import ModelNotReady
from app.repository.manifest import Manifest


class InFlight:
    """Each request is answered inside. `drain` refuses further ones, and waits for those that are."""

    def __init__(self, manifest: Manifest) -> None:
        self.accepts = True
        self._name = f"{manifest.name} version {manifest.version}"
        self._number = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def __enter__(self) -> None:
        """Raises ModelNotReady."""
        if not self.accepts:
            raise ModelNotReady(f"{self._name} is being unloaded")
        self._number += 1
        self._idle.clear()

    def __exit__(self, *exc_info: object) -> None:
        self._number -= 1
        if not self._number:
            self._idle.set()

    async def drain(self) -> None:
        self.accepts = False
        await self._idle.wait()
