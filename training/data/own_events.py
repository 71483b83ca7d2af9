"""Events of one's own, laid out as GroupLens publishes its data since ml-latest: who took what, and when."""

from pathlib import Path

import pandas as pd

from app.tasks.catalogue import CatalogueItem
from training.data.event_log import PADDING, EventLog
from training.data.tables import read_table, refuse
from training.recipe import TrainingError

RATINGS, MOVIES = "ratings.csv", "movies.csv"
NO_GENRES = "(no genres listed)"
LEAST_PEOPLE, LEAST_EVENTS = 10, 2
# Among fewer items the first ten say little; among more, the item-to-item weights would be more than 400 MB.
LEAST_ITEMS, MOST_ITEMS = 20, 10_000


def own_events(folder: Path) -> EventLog:
    """`ratings.csv` (userId, movieId, timestamp) and `movies.csv` (movieId, title, perhaps genres as `a|b`).

    In order as load_movielens has it. But each id is an item, even where titles are the same: a shop asks by its ids.
    People with fewer than two different items are left out. Raises TrainingError.
    """
    items = read_table(folder / MOVIES, ["movieId", "title"], ["genres"])
    ids, titles = _ids(items), items["title"].str.strip()
    refuse(items, ids.duplicated(), "movieId", "an item that is listed twice")
    refuse(items, titles == "", "title", "an empty title")
    if len(items) < LEAST_ITEMS:
        raise TrainingError(f"{folder / MOVIES} lists {len(items)} items, and at least {LEAST_ITEMS} are needed")
    if len(items) > MOST_ITEMS:
        raise TrainingError(
            f"{folder / MOVIES} lists {len(items):,} items, and at most {MOST_ITEMS:,} can be learned: "
            "the model has a weight from each item to each other, so it grows with their square"
        )
    genres = items["genres"] if "genres" in items else [""] * len(items)
    catalogue = [
        CatalogueItem(id=item, title=title, genres=_genres(text))
        for item, title, text in zip(ids.tolist(), titles, genres, strict=True)
    ]
    return EventLog([PADDING, *catalogue], _histories(folder / RATINGS, ids))


def _histories(path: Path, ids: pd.Series) -> list[list[int]]:
    events = read_table(path, ["userId", "movieId", "timestamp"])
    refuse(events, events["userId"].str.strip() == "", "userId", "an empty userId")
    item = _ids(events).map(pd.Series(range(1, len(ids) + 1), index=ids))
    refuse(events, item.isna(), "movieId", f"an item that {MOVIES} does not list")
    time = pd.to_numeric(events["timestamp"], errors="coerce").astype(float)
    refuse(events, ~(time.abs() < float("inf")), "timestamp", "a timestamp that is not a number")
    events = events.assign(item=item.astype(int), time=time)
    events = events.sort_values("time", kind="stable").drop_duplicates(["userId", "item"])
    histories = [history for history in events.groupby("userId")["item"].agg(list) if len(history) >= LEAST_EVENTS]
    if len(histories) < LEAST_PEOPLE:
        raise TrainingError(
            f"{path} has {len(histories)} people with {LEAST_EVENTS} or more different items, "
            f"and at least {LEAST_PEOPLE} are needed"
        )
    return histories


def _ids(table: pd.DataFrame) -> pd.Series:
    # Up to 18 digits, which int64 holds.
    refuse(table, ~table["movieId"].str.fullmatch("[0-9]{1,18}"), "movieId", "a movieId that is not a whole number")
    return table["movieId"].astype("int64")


def _genres(text: str) -> list[str]:
    return [genre.strip() for genre in text.split("|") if genre.strip() not in ("", NO_GENRES)]
