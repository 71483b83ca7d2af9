"""Files on their way to the disk: a part of each is in memory, and no more."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from starlette.requests import Request

from app.api.batches.asked import on_disk
from app.api.media.form_stream import FormStream
from app.errors import InvalidInput, JobsUnavailable, PayloadTooLarge, ServiceError
from app.jobs.jobs import Jobs
from app.jobs.records import StoredFile
from app.jobs.uploaded import Uploaded

WRITTEN_BYTES = 1_000_000  # at a time
FORM_BYTES = 4_000_000  # of a form beside its file
LONGEST_NAME = 255


class Upload:
    """A file of a caller that arrives; without `keep` nothing is left of it."""

    def __init__(self, jobs: Jobs, owner: str) -> None:
        self._jobs, self._owner = jobs, owner
        self.fields: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        opening = asyncio.ensure_future(on_disk(self._jobs, lambda: self._jobs.folder.upload(self._owner, "", "batch")))
        try:
            self._uploaded: Uploaded = await asyncio.shield(opening)
        except asyncio.CancelledError:  # a thread opens it all the same
            with suppress(ServiceError):
                await self._jobs.on_thread((await opening).close)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._jobs.on_thread(self._uploaded.close)
        except JobsUnavailable:  # nothing else uses it any more
            self._uploaded.close()

    async def take_form(self, request: Request) -> None:
        """Raises InvalidInput, PayloadTooLarge and JobsUnavailable."""
        form = FormStream(request.headers["content-type"], self._write)
        waiting = bytearray()
        async for part in request.stream():
            waiting += part
            if len(waiting) >= WRITTEN_BYTES:
                some, waiting = bytes(waiting), bytearray()
                await on_disk(self._jobs, lambda some=some: form.feed(some))  # type: ignore[misc]
        await on_disk(self._jobs, lambda: form.feed(bytes(waiting)))
        form.end()
        if form.file_name is None:
            raise InvalidInput("the form has no file; send one as the field file").under("file")
        self.fields = form.fields
        self._uploaded.filename = form.file_name.replace("\\", "/").rpartition("/")[2][:LONGEST_NAME]

    async def take(self, content: bytes, filename: str) -> None:
        self._uploaded.filename = filename
        await on_disk(self._jobs, lambda: self._write(content))

    async def first_bytes(self, number: int) -> bytes:
        return await on_disk(self._jobs, lambda: self._uploaded.first_bytes(number))

    async def keep(self) -> StoredFile:
        return await on_disk(self._jobs, self._uploaded.keep)

    @property
    def size(self) -> int:
        return self._uploaded.size

    @property
    def filename(self) -> str:
        return self._uploaded.filename

    def _write(self, content: bytes) -> None:
        if self._uploaded.size + len(content) > self._jobs.most_file_bytes:
            raise PayloadTooLarge(f"the file has more than the {self._jobs.most_file_bytes} bytes that it may have")
        self._uploaded.write(content)
