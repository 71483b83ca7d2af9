import asyncio
from pathlib import Path

import pytest
from databases import FIRST, running, stored
from graphs import publish_recommender

from app.events.moments import read_moment
from app.events.rows import StoredEvent
from training.data.events import load_events
from training.data.own.stored_events import are_stored, stored_events
from training.errors import TrainingError
from training.recipe import Run

TITLES = ["one", "two", "three", "four", "five"]
CUT = "2026-12-01"
DAY = read_moment(CUT)


def keep(folder: Path, events: list[StoredEvent]) -> None:
    async def fill() -> None:
        async with running(f"sqlite:///{folder}/events.db") as store:
            await store.keep(events)

    asyncio.run(fill())


def seen(person: int, item: str, at: int, **fields: object) -> StoredEvent:
    return stored(at, id=f"{person} {item} {at} {fields}", person=f"p{person}", item=item, at=at, **fields)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten people had "one" and then "two" before the cut, and the last of them "three" and "four" after it."""
    (tmp_path / "models").mkdir()
    publish_recommender(tmp_path / "models", tmp_path, TITLES)
    monkeypatch.setenv("TESSERA_DATABASE_URL", f"sqlite:///{tmp_path}/events.db")
    before = [seen(i, item, DAY - 10 + at) for i in range(10) for at, item in ((2, '"two"'), (1, "1"))]
    keep(tmp_path, [*before, seen(9, '"four"', DAY + 5), seen(9, '"three"', DAY)])
    return tmp_path


def read(folder: Path, source: str = "events"):
    return stored_events(source, "places", folder / "models")


def test_histories_are_in_the_order_in_which_things_happened(folder):
    log, source, remarks = read(folder)
    assert [item.title for item in log.catalogue] == ["", *TITLES]
    assert log.histories == [*[[1, 2]] * 9, [1, 2, 3, 4]]
    assert (log.test, remarks, source.name) == ([], [], "events of the service")
    assert len(source.sha256) == 64


def test_of_what_came_after_the_cut_nothing_is_learned_and_the_first_new_item_is_asked_for(folder):
    keep(folder, [seen(9, '"one"', DAY + 1)])  # again: nothing new
    log, source, _ = read(folder, f"events@{CUT}")
    assert log.histories == [[1, 2]] * 10
    assert log.test == [([1, 2], 3)]
    assert source.version == f"until {CUT}"


def test_unknown_items_and_events_of_other_models_are_left_out(folder):
    more = [seen(0, '"six"', DAY), seen(0, "5", DAY, model="another"), seen(0, "5", DAY, model="places")]
    keep(folder, [*more, seen(0, "", DAY, kind="thumb")])
    log, _, remarks = read(folder)
    assert log.histories[0] == [1, 2, 5]
    assert remarks == ["1 events were of no item of places, or of several, and were left out."]


def test_the_recipe_reads_the_same_table(folder):
    events = load_events(Run(folder, source=f"events@{CUT}", name="places", models=folder / "models"))
    assert events.are_own
    assert events.questions() == ([[1, 2]] * 10, [[1, 2]], [3])
    assert events.split == "1 events of the given test, ranked among all items new to them"


@pytest.mark.parametrize(
    ("source", "model", "said"),
    [
        ("events@soon", "places", "soon is no time such as"),
        ("events", "nothing", "no version of nothing is in"),
        ("events@2000-01-01", "places", "0 people have events of 2 or more different items of places"),
        ("events@2030-01-01", "places", "nobody has a new item from then on"),
    ],
)
def test_what_cannot_be_learned_from_is_said(folder, source, model, said):
    with pytest.raises(TrainingError, match=said):
        stored_events(source, model, folder / "models")


def test_a_database_that_is_off_or_elsewhere_is_said(folder, monkeypatch):
    for url, said in (("off", "TESSERA_DATABASE_URL is off"), ("mysql://x", "is none of sqlite")):
        monkeypatch.setenv("TESSERA_DATABASE_URL", url)
        with pytest.raises(TrainingError, match=said):
            read(folder)


def test_only_the_word_means_the_events_of_the_service():
    assert are_stored("events")
    assert are_stored(f"events@{FIRST}")
    assert not any(map(are_stored, ("./events", "owner/events", "events/x")))
