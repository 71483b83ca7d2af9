import asyncio
import threading

import pytest

from app.serving.pool import Pool


@pytest.fixture
def pool():
    pool = Pool(2, "test")
    yield pool
    pool.close()


def test_work_that_nobody_waits_for_is_not_begun_and_what_has_begun_is_told(pool):
    began, release, seen = threading.Event(), threading.Event(), []

    def work(is_wanted):
        began.set()
        release.wait(5)
        seen.append(is_wanted())

    async def main():
        jobs = [asyncio.create_task(pool.run(work, 1.0)) for _ in range(5)]
        await asyncio.to_thread(began.wait, 5)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        release.set()
        return await pool.run(lambda is_wanted: is_wanted(), 0.0)

    assert asyncio.run(main()) is True
    assert seen
    assert len(seen) <= 2
    assert not any(seen)


def test_the_wait_is_that_of_the_work_before_and_nothing_while_a_thread_is_free(pool):
    release = threading.Event()

    async def main():
        waits = [pool.wait_s]
        jobs = []
        for _ in range(4):
            jobs.append(asyncio.create_task(pool.run(lambda _: release.wait(5), 1.0)))
            await asyncio.sleep(0)
            waits.append(pool.wait_s)
        release.set()
        await asyncio.gather(*jobs)
        return [*waits, pool.wait_s]

    assert asyncio.run(main()) == [0, 0, 1.0, 1.5, 2.0, 0]


@pytest.mark.parametrize("error", [StopIteration("x"), SystemExit(1), KeyboardInterrupt()])
def test_what_no_caller_can_be_given_is_an_error_at_once_and_ends_nothing(pool, error):
    def work(_):
        raise error

    async def main():
        with pytest.raises(RuntimeError, match=type(error).__name__):
            await asyncio.wait_for(pool.run(work, 0.0), 5)
        return await pool.run(lambda _: "the next", 0.0)

    assert asyncio.run(main()) == "the next"


def test_what_the_work_raises_reaches_the_caller(pool):
    with pytest.raises(ZeroDivisionError):
        asyncio.run(pool.run(lambda _: 1 / 0, 0.0))
    assert pool.wait_s == 0
