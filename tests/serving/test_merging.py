import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from app.serving.merging import merged

pytestmark = pytest.mark.anyio


class Counting:
    """A stream of numbers, which knows whether it was ended."""

    def __init__(self, *numbers: int, error: Exception | None = None, lasts: bool = False) -> None:
        self._numbers, self._error, self._lasts = numbers, error, lasts
        self.is_ended = False

    async def stream(self) -> AsyncGenerator[int, None]:
        try:
            for number in self._numbers:
                await asyncio.sleep(0)
                yield number
            if self._error:
                raise self._error
            if self._lasts:
                await asyncio.Event().wait()
        finally:
            self.is_ended = True


async def test_all_pieces_come_each_stream_in_its_order():
    streams = [Counting(1, 2, 3), Counting(11, 12), Counting()]
    got = [piece async for piece in merged([one.stream() for one in streams])]
    assert sorted(got) == [1, 2, 3, 11, 12]
    assert [piece for piece in got if piece < 10] == [1, 2, 3]
    assert [piece for piece in got if piece > 10] == [11, 12]


async def test_the_first_error_ends_all_of_them():
    waits, fails = Counting(1, lasts=True), Counting(11, error=ValueError("broken"))
    pieces = merged([waits.stream(), fails.stream()])
    assert sorted([await anext(pieces), await anext(pieces)]) == [1, 11]
    with pytest.raises(ValueError, match="broken"):
        await anext(pieces)
    assert waits.is_ended


async def test_who_closes_it_ends_all_streams():
    streams = [Counting(1, lasts=True), Counting(lasts=True)]
    async with aclosing(merged([one.stream() for one in streams])) as pieces:
        assert await anext(pieces) == 1
    assert all(one.is_ended for one in streams)
