"""Several streams as one."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import NamedTuple, TypeVar

Piece = TypeVar("Piece")


class _End(NamedTuple):
    error: Exception | None = None


async def merged(streams: Sequence[AsyncGenerator[Piece, None]]) -> AsyncGenerator[Piece, None]:
    """Pieces of all streams, as they come. The first error ends all of them, and so does closing this."""
    pieces: asyncio.Queue[Piece | _End] = asyncio.Queue()

    async def forward(stream: AsyncGenerator[Piece, None]) -> None:
        try:
            async with aclosing(stream):
                async for piece in stream:
                    pieces.put_nowait(piece)
        except Exception as error:
            pieces.put_nowait(_End(error))
        else:
            pieces.put_nowait(_End())

    tasks = [asyncio.create_task(forward(stream)) for stream in streams]
    left = len(tasks)
    try:
        while left:
            piece = await pieces.get()
            if not isinstance(piece, _End):
                yield piece
            elif piece.error is not None:
                raise piece.error
            else:
                left -= 1
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
