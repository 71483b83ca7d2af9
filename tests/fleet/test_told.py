import asyncio
from typing import Any

from app.fleet import told as module
from app.fleet.table import Life
from app.fleet.told import LONGEST_PAUSE_S, Told
from app.telemetry import Statistics

SERVED: Any = object()


def life(rows: int = 0) -> Life:
    return Life(True, False, {}, None, Statistics(rows=rows), [])


def test_who_could_never_load_is_not_kept_waiting_and_who_cannot_any_more_ever_longer():
    told = Told()
    assert told.fail("a wrong answer", False) == 0
    assert told.failure == ("a wrong answer", False)
    told.introduce(SERVED)
    told.tell("first", life())
    pauses = [told.fail("damaged", False) for _ in range(8)]
    assert pauses == [2, 4, 8, 16, 32, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    told.tell("second", life())
    assert told.fail("damaged", False) == 2


def test_a_replica_that_is_silent_is_gone_and_what_it_did_is_kept(monkeypatch):
    told, now = Told(), 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    told.tell("first", life(3))
    told.tell("second", life(4))
    now += module.SILENT_S / 2
    told.tell("second", life(5))
    now += module.SILENT_S / 2 + 0.1
    assert told.lives.keys() == {"second"}
    assert told.statistics.rows == 8
    told.tell("second", life(6))
    assert told.statistics.rows == 9
    told.tell("first", life(7))  # it was silent, and not gone
    assert told.statistics.rows == 13
    for number in range(2 * module.MOST_SILENT):
        now += module.SILENT_S + 0.1
        told.tell(f"further {number}", life(1))
    assert told.statistics.rows == 13 + 2 * module.MOST_SILENT


def test_whoever_waits_for_news_is_told_of_a_new_replica_at_once():
    async def main() -> None:
        told = Told()
        waiting = asyncio.create_task(told.heard(60))
        await asyncio.sleep(0)
        told.tell("first", life())
        await asyncio.wait_for(waiting, 10)

    asyncio.run(main())
