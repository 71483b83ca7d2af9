import asyncio
import threading

import pytest

from app.abandoned import Abandoned, require_wanted, wanted_while
from app.serving.pool import Pool


def test_work_is_wanted_unless_somebody_says_that_it_is_not():
    require_wanted()
    with wanted_while(lambda: True):
        require_wanted()
    with pytest.raises(Abandoned), wanted_while(lambda: False):
        require_wanted()
    require_wanted()


def test_an_item_that_looks_ends_once_its_caller_has_gone():
    begun, ended = threading.Event(), threading.Event()

    def work(item: object) -> None:
        begun.set()
        try:
            while True:
                require_wanted()
        finally:
            ended.set()

    async def main() -> None:
        pool = Pool(1, "work")
        asking = asyncio.ensure_future(pool.map(work, [None], [0.0]))
        assert await asyncio.to_thread(begun.wait, 10)
        assert not ended.is_set()
        asking.cancel()
        assert await asyncio.to_thread(ended.wait, 10)
        assert await pool.map(str, [1], [0.0]) == ["1"]
        pool.close()

    asyncio.run(asyncio.wait_for(main(), 30))
