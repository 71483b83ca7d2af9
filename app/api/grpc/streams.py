"""ModelStreamInfer: many requests over one call, each with its id, and a text in pieces."""

import asyncio

import grpc.aio

from app.api.grpc import responses
from app.api.grpc.calls import Behind, Call, Context, NotRead
from app.api.grpc.requests import InferRequest
from app.api.grpc.status import Failed
from app.errors import ServiceError

MOST_AT_A_TIME = 32  # requests of one stream that are worked on; no more are read meanwhile
ERROR_ENDS_STREAM = ("triton_grpc_error", "true")  # of the metadata


class InferStream:
    """Answers that come whole are written in the order of their requests, pieces of texts as they come.

    A request that fails is told so in an answer of its own, and the stream goes on; or ends with the status of the
    failure, if its metadata say that.
    """

    def __init__(self, behind: Behind, name: str, context: Context) -> None:
        self._call = Call(behind, name, context)
        self._context = context
        self._writing = asyncio.Lock()
        self._error_ends = ERROR_ENDS_STREAM in (context.invocation_metadata() or ())

    async def answer(self) -> None:
        await self._call.require_key()
        room = asyncio.Semaphore(MOST_AT_A_TIME)
        before: asyncio.Task[None] | None = None
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await room.acquire()
                    message = await self._context.read()
                    if message is grpc.aio.EOF:
                        return
                    request = await self._read(bytes(message))
                    if request is None:
                        room.release()
                        continue
                    is_text = self._call.writes_text(request)
                    task = group.create_task(self._answer(request, None if is_text else before, is_text=is_text))
                    task.add_done_callback(lambda _: room.release())
                    if not is_text:
                        before = task
        except* (Failed, ServiceError) as group_of:
            raise group_of.exceptions[0] from None

    async def _read(self, message: bytes) -> InferRequest | None:
        """Return a request; None for one that is refused."""
        try:
            return await self._call.read(message)
        except ServiceError as error:
            await self._failed(Failed.by_error(error))
            return None

    async def _answer(self, request: InferRequest, before: asyncio.Task[None] | None, *, is_text: bool) -> None:
        async def in_turn(response: bytes) -> None:
            if before is not None:
                await asyncio.wait({before})
            await self._write(responses.in_stream(response))

        try:
            if is_text:
                await self._call.answer_in_pieces(request, self._write)
            else:
                await self._call.answer_whole(request, in_turn, is_final=True)
        except NotRead:
            raise
        except Failed as failed:
            if before is not None:
                await asyncio.wait({before})
            await self._failed(failed, request)
        except ServiceError as error:
            await self._failed(Failed.by_error(error), request)

    async def _failed(self, failed: Failed, request: InferRequest | None = None) -> None:
        if self._error_ends:
            raise failed
        model, id = (request.model, request.id) if request else ("", "")
        await self._write(responses.failed_in_stream(failed.message, model, id))

    async def _write(self, message: bytes) -> None:
        async with self._writing:  # one at a time, as gRPC wants it
            await self._call.write(message)
