"""The same promises of both databases: a file of SQLite, and a real PostgreSQL."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import PROGRAMS, PostgresServer, running, running_postgres, stored

from app.errors import EventsUnavailable, InvalidInput
from app.events.database import OFF, Database, Period, database_at
from app.events.migrations import MIGRATIONS, NEWEST
from app.events.rows import ANSWERS, EVENTS, Row, StoredAnswer, StoredEvent, StoredTable
from app.events.sqlite import SqliteDatabase
from app.events.store import DAY_US


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/events.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_schema()


async def all_of(url: str, table: StoredTable = EVENTS) -> list[Row]:
    database = opened(url)
    try:
        return [row async for rows in database.read(table, Period()) for row in rows]
    finally:
        await database.close()


async def eventually_kept(url: str, ids: list[str]) -> list[str]:
    """Wait until no other events are kept."""
    kept: list[str] = []
    while kept != ids:
        await asyncio.sleep(0.01)
        kept = [row.id for row in await all_of(url) if isinstance(row, StoredEvent)]
    return kept


def opened(url: str) -> Database:
    database = database_at(url)
    assert database is not None
    return database


async def execute(url: str, statement: str) -> None:
    """As somebody else does, who has the same database open."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.executescript(statement)
        connection.close()
    else:
        import asyncpg

        far = await asyncpg.connect(url)
        await far.execute(statement)
        await far.close()


def test_events_are_kept_once_and_read_back_as_they_came(url):
    events = [stored(2, value=4.5, details='{"a": "\\u0000"}'), stored(1, item="183", model="films"), stored(3)]

    async def body():
        async with running(url) as store:
            await store.keep(events)
            await store.keep([stored(2, item='"coffee"'), stored(4)])
            await store.keep([stored(2, sender="another key")])
        return await all_of(url)

    assert asyncio.run(body()) == [*events, stored(4), stored(2, sender="another key")]


def test_a_history_has_the_items_that_count_for_a_model_in_the_order_of_their_last_events(url):
    async def body():
        async with running(url) as store:
            await store.keep([stored(3, item="183"), stored(1, item='"183"'), stored(2, item='"tea"')])
            await store.keep([stored(4, item='"tea"'), stored(5, item='"jam"', model="another")])
            await store.keep([stored(6, item="", kind="thumb"), stored(7, item='"bread"', model="shop")])
            return await store.histories(["ann", "bob", "ann"], "shop")

    ann = ["183", 183, "tea", "bread"]
    assert asyncio.run(body()) == [ann, [], ann]


def test_many_people_are_looked_up_some_at_a_time(tmp_path, monkeypatch):
    look_up, sizes = SqliteDatabase.newest_items, []

    async def watched(database, people, model, most):
        sizes.append(len(people))
        return await look_up(database, people, model, most)

    async def body():
        monkeypatch.setattr(SqliteDatabase, "newest_items", watched)
        async with running(f"sqlite:///{tmp_path}/events.db") as store:
            await store.keep([stored(i, person=str(i), item=str(i)) for i in range(40)])
            return await store.histories([str(i) for i in range(40)], "shop")

    assert asyncio.run(body()) == [[i] for i in range(40)]
    assert sizes == [16, 16, 8]


def test_what_one_service_stores_or_forgets_holds_at_once_for_another(url):
    async def body():
        async with running(url) as one, running(url) as other:
            await asyncio.gather(one.keep([stored(1)]), other.keep([stored(2, item='"jam"')]))
            known = [await store.histories(["ann"], "shop") for store in (one, other)]
            assert await other.forget("ann") == 2
            assert await other.forget("ann") == 0
            return known, await one.histories(["ann"], "shop"), await all_of(url)

    known, after, left = asyncio.run(body())
    assert known == [[["tea", "jam"]]] * 2
    assert (after, left) == ([[]], [])


def test_what_waits_to_be_written_is_forgotten_too(url):
    async def body():
        async with running(url) as store:
            keeping = [asyncio.create_task(store.keep([stored(i), stored(100 + i, person="bob")])) for i in range(9)]
            await asyncio.sleep(0)  # they wait now
            assert await store.forget("ann") == 9
            await asyncio.gather(*keeping)
            return await store.histories(["ann", "bob"], "shop")

    assert asyncio.run(body()) == [[], ["tea"]]


def test_a_user_is_stored_under_a_name_that_only_the_pepper_can_make(url):
    async def body():
        async with running(url, pepper="0123456789abcdef") as store, running(url) as other:
            await store.keep([stored(1, person=store.person("ann"))])
            assert await other.histories(["ann"], "shop") == [[]]
            known = await store.histories(["ann"], "shop")
            (row,) = await all_of(url)
            return known, row, await store.forget("ann")

    known, row, forgotten = asyncio.run(body())
    assert known == [["tea"]]
    assert "ann" not in row.person
    assert len(row.person) == 64
    assert forgotten == 1


def test_an_event_that_the_database_cannot_hold_is_refused_and_its_neighbours_are_kept(url):
    refusing = {
        "sqlite": "CREATE TRIGGER t BEFORE INSERT ON tessera_events WHEN new.item = '13' "
        "BEGIN SELECT RAISE(ABORT, 'no'); END",
        "postgresql": "ALTER TABLE tessera_events ADD CHECK (item <> '13')",
    }

    async def body():
        async with running(url) as store:
            await store.keep([stored(0)])
            await execute(url, refusing[url.partition(":")[0]])
            many = [store.keep([stored(i, item=str(i)), stored(100 + i, item="1")]) for i in range(8, 18)]
            return await asyncio.gather(*many, return_exceptions=True), await all_of(url)

    told, rows = asyncio.run(body())
    assert [type(one) for one in told] == [type(None)] * 5 + [InvalidInput] + [type(None)] * 4
    assert len(rows) == 19  # none of the request with the one that was refused


def test_old_events_and_answers_are_deleted(url):
    now = time.time_ns() // 1000
    old, new = now - 8 * DAY_US, now - 6 * DAY_US

    async def body():
        async with running(url) as store:
            await store.keep([stored(1, at=old), stored(2, at=new)])
            store.keep_answer(StoredAnswer("r1", old, "", "shop", 1, "recommendation", "", "[]"))
            await store.keep([stored(3, at=new)])
        async with running(url, days=7):
            return await eventually_kept(url, ["2", "3"]), await all_of(url, ANSWERS)

    assert asyncio.run(asyncio.wait_for(body(), 20)) == (["2", "3"], [])


def test_a_schema_of_a_newer_service_is_not_touched(url, caplog):
    newer = {
        "sqlite": f"PRAGMA user_version = {NEWEST + 1}",
        "postgresql": f"UPDATE tessera_schema SET version = {NEWEST + 1}",
    }

    async def body():
        async with running(url) as store:
            await store.keep([stored(1)])
        await execute(url, newer[url.partition(":")[0]])
        async with running(url) as store:
            with pytest.raises(
                EventsUnavailable, match=rf"has schema {NEWEST + 1}, and this service knows .* {NEWEST}:"
            ):
                await store.keep([stored(2)])

    asyncio.run(body())
    assert "the database has schema" in caplog.text


def test_services_that_start_together_make_the_schema_once(url):
    async def body():
        async def one(number):
            async with running(url) as store:
                await store.keep([stored(number)])

        await asyncio.gather(*map(one, range(6)))
        return await all_of(url)

    assert len(asyncio.run(body())) == 6


@pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed")
def test_while_the_database_is_gone_events_are_refused_at_once_and_then_kept_again(postgres):
    url = postgres.new_schema()

    async def body():
        async with running(url) as store:
            await store.keep([stored(1)])
            postgres.stop()
            for _ in range(2):
                with pytest.raises(EventsUnavailable, match="does not answer now") as refused:
                    await store.keep([stored(2)])
                assert refused.value.retry_after_s > 0
            with pytest.raises(EventsUnavailable):
                await store.histories(["ann"], "shop")
            postgres.start()
            while True:
                try:
                    await store.keep([stored(3, item='"jam"')])
                except EventsUnavailable as error:
                    await asyncio.sleep(error.retry_after_s)
                else:
                    return await store.histories(["ann"], "shop")

    assert asyncio.run(asyncio.wait_for(body(), 30)) == [["tea", "jam"]]


def test_a_file_that_was_deleted_is_made_again(tmp_path):
    path = tmp_path / "events.db"

    async def body():
        async with running(f"sqlite:///{path}") as store:
            assert await store.histories(["ann"], "shop") == [[]]
            assert not path.exists()  # whoever only asks makes none
            await store.keep([stored(1)])
            for file in tmp_path.iterdir():
                file.unlink()
            await store.keep([stored(2, item='"jam"')])
            return await store.histories(["ann"], "shop")

    assert asyncio.run(body()) == [["jam"]]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_was_deleted_is_not_left_in_the_file(tmp_path):
    path = tmp_path / "events.db"

    async def body():
        async with running(f"sqlite:///{path}") as store:
            await store.keep([stored(i, person="somebody-rare") for i in range(50)])
            assert await store.forget("somebody-rare") == 50
            return [file for file in tmp_path.iterdir() if b"somebody-rare" in file.read_bytes()]

    assert asyncio.run(body()) == []


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", "events.db", "sqlite:///", "sqlite://x"])
def test_another_database_is_an_error_that_tells_no_password(url):
    with pytest.raises(ValueError, match="is none of sqlite:///path/to/file") as caught:
        database_at(url)
    assert "secret" not in str(caught.value)
    assert database_at(OFF) is None


def test_every_step_of_the_schema_has_statements():
    assert all(MIGRATIONS)
