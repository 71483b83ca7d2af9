"""The promises of all schedulers; the batcher is one."""

import asyncio

from batching import echo, in_, make

from app.serving.scheduler import BACKGROUND_LEVEL, BACKGROUND_WEIGHT, Scheduler, weight_of


def test_a_batcher_admits_a_request_before_its_rows_are_there_and_answers_them_then():
    async def main():
        async with make(echo) as batcher:
            scheduler: Scheduler[str, str] = batcher
            turn = scheduler.admit(in_(5), priority=1, caller="somebody")
            answers = await scheduler.submit(["a", "b"], turn)
            return turn, answers.values, scheduler.is_ready, scheduler.queue_size

    turn, values, is_ready, queue_size = asyncio.run(main())
    assert (turn.priority, turn.caller) == (1, "somebody")
    assert (values, is_ready, queue_size) == (["a", "b"], True, 0)


def test_only_seconds_of_background_work_count_for_more():
    assert [weight_of(priority) for priority in (0, 1, BACKGROUND_LEVEL - 1)] == [1, 1, 1]
    assert weight_of(BACKGROUND_LEVEL) == weight_of(99) == BACKGROUND_WEIGHT
