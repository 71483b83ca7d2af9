"""Who is let in, who is refused with the time that it would take, and who must make room."""

import asyncio

import pytest
from batching import Gate, Recorder, ask, echo, flood, go, in_, make, submit

from app.errors import DeadlineExceeded, Overloaded
from app.serving.curve import LatencyCurve


def test_a_row_that_has_waited_for_long_goes_before_newcomers_of_higher_priority(monkeypatch):
    monkeypatch.setattr("app.serving.admission.LEVEL_S", 0.02)

    async def main():
        gate = Gate()
        async with make(gate, max_batch_size=1) as batcher:
            first = asyncio.create_task(ask(batcher, "first"))
            await gate.wait_until_it_runs()
            low = asyncio.create_task(submit(batcher, ["low"], in_(5), 3))
            await asyncio.sleep(0.06)
            high = asyncio.create_task(submit(batcher, ["high"], in_(5), 1))
            await asyncio.sleep(0)
            gate.let(3)
            await asyncio.gather(first, low, high)
        return gate.seen

    assert go(main()) == [["first"], ["low"], ["high"]]


def test_a_request_that_would_wait_past_its_deadline_is_refused_at_once_with_an_honest_retry_after():
    slow = LatencyCurve({(1, 1): 1.0})

    async def main():
        gate, observer = Gate(), Recorder()
        async with make(gate, curve=slow, observer=observer) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy", seconds=60))
            await gate.wait_until_it_runs()
            queued = [asyncio.create_task(ask(batcher, i, seconds=60)) for i in range(3)]
            await asyncio.sleep(0.01)
            started = asyncio.get_running_loop().time()
            with pytest.raises(Overloaded) as refused:
                await ask(batcher, "more", seconds=2)  # about 1 + 3 before it, 1 for itself
            took = asyncio.get_running_loop().time() - started
            for task in (busy, *queued):
                task.cancel()
            gate.let(4)
        return took, refused.value.retry_after_s, observer.events

    took, retry_after_s, events = go(main())
    assert took < 0.02
    assert 3.5 < retry_after_s <= 4.0  # until it would be done in half of its two seconds
    assert events[0] == ("refused wait", 1)


def test_what_would_be_too_late_even_without_the_others_is_told_so_and_not_to_retry():
    async def main():
        gate = Gate()
        async with make(gate, curve=LatencyCurve({(1, 1): 1.0})) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            with pytest.raises(DeadlineExceeded, match=r"about 3.00 s alone"):
                await ask(batcher, 1, 2, 3, seconds=2)
            gate.let()
            await busy

    go(main())


def test_an_idle_model_tries_what_a_stale_estimate_calls_hopeless_and_learns():
    async def main():
        async with make(echo, curve=LatencyCurve({(1, 1): 10.0})) as batcher:
            for _ in range(60):
                assert await ask(batcher, "quick", seconds=1) == ["quick"]
            return batcher.slower

    assert go(main()) < 0.3


def test_a_full_queue_refuses_all_rows_of_a_request_or_none():
    async def main():
        gate = Gate()
        async with make(gate, max_queue_size=3) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            waiting = asyncio.create_task(ask(batcher, 1, 2))
            await asyncio.sleep(0.01)
            with pytest.raises(Overloaded, match="2 rows are waiting, the queue holds 3"):
                await ask(batcher, 3, 4)
            assert batcher.queue_size == 2
            fits = asyncio.create_task(ask(batcher, 5))
            await asyncio.sleep(0.01)
            gate.let(3)
            return await asyncio.gather(busy, waiting, fits)

    assert len(go(main())) == 3


@pytest.mark.parametrize("num_rows", [1, 4])
def test_one_rule_admits_one_row_and_many(num_rows: int):
    async def main():
        gate = Gate()
        async with make(gate, max_queue_size=num_rows, max_batch_size=1) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            fills = asyncio.create_task(ask(batcher, *range(num_rows)))
            await asyncio.sleep(0.01)
            with pytest.raises(Overloaded):
                await ask(batcher, *range(num_rows))
            gate.let(1 + num_rows)
            await asyncio.gather(busy, fills)

    go(main())


def test_a_wait_is_estimated_for_all_workers_together():
    slow = LatencyCurve({(1, 1): 1.0})

    async def refused(num_lanes):
        gate = Gate()
        async with make(gate, curve=slow, max_batch_size=1, num_lanes=num_lanes) as batcher:
            running = [asyncio.create_task(ask(batcher, i, seconds=30)) for i in range(num_lanes + 2)]
            for _ in range(num_lanes):
                await gate.wait_until_it_runs()
            try:
                batcher.admit(in_(5))
                return False
            except Overloaded:
                return True
            finally:
                gate.let(10)
                await asyncio.gather(*running)

    # With its own second that makes four for one worker, and three for two.
    assert go(refused(1))
    assert not go(refused(2))


def test_a_full_queue_makes_room_for_who_has_less_in_it_at_the_cost_of_who_has_most():
    async def main():
        gate, observer = Gate(), Recorder()
        async with make(gate, max_queue_size=30, max_batch_size=1, observer=observer) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            first, second = await flood(batcher, 20), await flood(batcher, 10)
            few = await flood(batcher, 3, "few")
            with pytest.raises(Overloaded, match="others wait who asked for less"):
                await second
            assert batcher.queue_size == 23
            greedy = await flood(batcher, 9, "many")
            with pytest.raises(Overloaded, match="the queue holds 30"):
                await greedy
            gate.let(100)
            await asyncio.gather(busy, first, few)
        return observer.events

    assert go(main()) == [("dropped displaced", 10), ("refused queue", 9)]


def test_a_newcomer_is_admitted_where_the_one_with_the_backlog_is_refused():
    second = LatencyCurve({(1, 1): 1.0})

    async def main():
        gate = Gate()
        async with make(gate, curve=second, max_batch_size=1) as batcher:
            many = [asyncio.create_task(submit(batcher, [i], in_(600), caller="many")) for i in range(50)]
            await gate.wait_until_it_runs()
            batcher.admit(in_(10), caller="few")
            with pytest.raises(Overloaded) as refused:
                batcher.admit(in_(10), caller="many")
            for one in many:
                one.cancel()
            gate.let(2)
        return refused.value.retry_after_s

    assert 40 < go(main()) < 60


def test_what_is_foreseen_to_be_too_late_is_refused_before_anything_is_made_of_it():
    async def main():
        gate, observer = Gate(), Recorder()
        async with make(gate, curve=LatencyCurve({(1, 1): 1.0}), max_batch_size=1, observer=observer) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy", seconds=60))
            await gate.wait_until_it_runs()
            batcher.admit(in_(10), foreseen=[1] * 3)  # one second runs, and three of half of ten are its own
            with pytest.raises(Overloaded):
                batcher.admit(in_(10), foreseen=[1] * 5)
            with pytest.raises(DeadlineExceeded):
                batcher.admit(in_(10), foreseen=[1] * 11)
            gate.let()
            await busy
        return observer.events

    assert go(main()) == [("refused wait", 5), ("refused deadline", 11)]


def test_a_request_may_be_refused_by_its_first_items_and_all_of_them_are_counted():
    async def main():
        gate, observer = Gate(), Recorder()
        async with make(gate, curve=LatencyCurve({(1, 1): 1.0}), max_batch_size=1, observer=observer) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy", seconds=60))
            await gate.wait_until_it_runs()
            batcher.admit(in_(10), foreseen=[1] * 2, num_items=40)
            with pytest.raises(Overloaded):
                batcher.admit(in_(10), foreseen=[1] * 5, num_items=40)
            gate.let()
            await busy
        return observer.events

    assert go(main()) == [("refused wait", 40)]


def test_of_many_who_come_at_once_no_more_are_prepared_than_will_be_in_time():
    async def main():
        gate = Gate()
        async with make(gate, curve=LatencyCurve({(1, 1): 1.0}), max_batch_size=1) as batcher:
            first, second = batcher.admit(in_(10), foreseen=[1] * 3), batcher.admit(in_(10), caller="another")
            with batcher.preparing(first, [1] * 3), batcher.preparing(second, [1]):
                with pytest.raises(Overloaded):
                    batcher.admit(in_(10), foreseen=[1] * 3)  # behind the three of the same caller
                batcher.admit(in_(10), foreseen=[1])  # which goes before the last two of them
                batcher.admit(in_(10), foreseen=[1] * 3, caller="another")
            batcher.admit(in_(10), foreseen=[1] * 3)  # nobody is prepared any more

    go(main())


def test_what_others_prepare_keeps_an_idle_model_from_nothing():
    hopeless = LatencyCurve({(1, 1): 1000.0})  # an estimate that only work can put right

    async def main():
        async with make(echo, curve=hopeless) as batcher:
            turn = batcher.admit(in_(10), caller="one")
            with batcher.preparing(turn, [1]):
                batcher.admit(in_(5), foreseen=[1], caller="another")
                return (await submit(batcher, ["row"], in_(5), caller="another")).values

    assert go(main()) == ["row"]


def test_the_expected_wait_is_that_of_what_runs_and_all_that_waits_and_none_while_a_lane_is_idle():
    async def main():
        gate = Gate()
        async with make(gate, curve=LatencyCurve({(1, 1): 1.0}), max_batch_size=1) as batcher:
            told = [batcher.queue_wait_s]
            asked = [asyncio.create_task(ask(batcher, "first", seconds=60))]
            await gate.wait_until_it_runs()
            told.append(batcher.queue_wait_s)
            asked += [asyncio.create_task(ask(batcher, i, seconds=60)) for i in range(3)]
            await asyncio.sleep(0)
            told.append(batcher.queue_wait_s)
            told.append(await asyncio.to_thread(lambda: batcher.queue_wait_s))  # where metrics are told
            gate.let(4)
            await asyncio.gather(*asked)
            return [*told, batcher.queue_wait_s]

    idle, busy, queued, elsewhere, after = go(main())
    assert idle == after == 0
    assert 0 < busy <= 1
    assert 3 <= elsewhere <= queued <= 4
