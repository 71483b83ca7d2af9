"""Events of one's own, laid out as GroupLens publishes its data since ml-latest: who took what, and when."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from app.tasks.catalogue import CatalogueItem
from training.data.event_log import PADDING, EventLog
from training.data.own.hub_card import README
from training.data.own.splits import JUDGING, also_judged, given_remarks, refuse_no_training, split_of_file
from training.data.own.tables import FILES, MOST_WRONG, read_files, read_table, refuse, refuse_other_splits
from training.errors import TrainingError

RATINGS, MOVIES = "ratings.csv", "movies.csv"
# Of the hub; a data set of ratings has far larger files beside them.
FETCHED = (MOVIES, README, *(f"*{name}*" for name in ("ratings", "train", "test", "val", "dev")))
NO_GENRES = "(no genres listed)"
LEAST_PEOPLE, LEAST_EVENTS = 10, 2  # one event to know somebody by, one to be asked for
# Among fewer items the first ten say little; among more, the item-to-item weights would be more than 400 MB.
LEAST_ITEMS, MOST_ITEMS = 20, 10_000


def own_events(folder: Path) -> tuple[EventLog, list[Path], list[str]]:
    """`ratings.csv` (userId, movieId, timestamp) and `movies.csv` (movieId, title, perhaps genres as `a|b`), the files,
    and remarks for the card.

    In order as load_movielens has it. But each id is an item, even where titles are the same: a shop asks by its ids.
    People with fewer than two different items are left out. Events may be in several files, and given as splits; what
    is given as the validation is neither learned nor tested on, but known where the test asks. Raises TrainingError.
    """
    items = read_table(folder / MOVIES, ["movieId", "title"], ["genres"])
    items, remarks = _listed_once(items)
    ids, titles = _ids(items), items["title"].str.strip()
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
    files = event_files(folder)
    events = _events(files, folder, ids)
    events, more = _without_copies(events)
    remarks += more
    learned = events[~events.given.isin(JUDGING)]
    log = EventLog([PADDING, *catalogue], _histories(learned, folder), test=list(_test(events)))
    return log, [*files, folder / MOVIES], remarks


def _listed_once(items: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Each item as it is listed first, and a remark on those that are listed in two ways."""
    items = items.drop_duplicates([column for column in items if column not in ("file", "line")])
    ids = _ids(items)
    is_second = ids.duplicated()
    if is_second.sum() > MOST_WRONG * ids.nunique():
        refuse(items, is_second, "movieId", "an item that is listed twice")
    remark = f"{ids[is_second].nunique()} items are listed in two ways, and were taken as they are listed first."
    return items[~is_second].reset_index(drop=True), [remark] if is_second.any() else []


def event_files(folder: Path) -> list[Path]:
    """Tables in `folder` or within that are called ratings, or as a split is. Raises TrainingError if there is none."""
    files = sorted(
        path
        for pattern in FILES
        for path in folder.rglob(pattern)
        if path != folder / MOVIES and (path.stem.startswith(Path(RATINGS).stem) or split_of_file(path, folder))
    )
    if not files:
        raise TrainingError(f"{folder / RATINGS} is missing")
    return files


def _events(files: Sequence[Path], folder: Path, ids: pd.Series) -> pd.DataFrame:
    """`userId`, `item` (index into the catalogue), `time` and `given`, in the order of time."""
    events = read_files(files, folder, required=["userId", "movieId", "timestamp"])
    refuse_other_splits(events)
    refuse_no_training(events.given, str(folder))
    refuse(events, events["userId"].str.strip() == "", "userId", "an empty userId")
    item = _ids(events).map(pd.Series(range(1, len(ids) + 1), index=ids))
    refuse(events, item.isna(), "movieId", f"an item that {MOVIES} does not list")
    time = pd.to_numeric(events["timestamp"], errors="coerce").astype(float)
    refuse(events, ~(time.abs() < float("inf")), "timestamp", "a timestamp that is not a number")
    events = events.assign(item=item.astype(int), time=time)
    return events.sort_values("time", kind="stable").drop_duplicates(["userId", "item", "given"])


def _without_copies(events: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Without what is not of the test, and there again: the same person's event of the same item."""
    is_copy = also_judged(events.given.where(events.given.isin(JUDGING), "train"), _person_and_item(events))
    remarks = given_remarks(events.given)
    if is_copy.any():
        remarks.append(f"{is_copy.sum():,} events were not learned from, since a split that judges has them as well.")
    return events[~is_copy].drop_duplicates(["userId", "item"]), remarks


def _person_and_item(events: pd.DataFrame) -> pd.Series:
    return pd.Series(zip(events["userId"], events["item"], strict=True), index=events.index)


def _histories(events: pd.DataFrame, folder: Path) -> list[list[int]]:
    histories = [history for history in events.groupby("userId")["item"].agg(list) if len(history) >= LEAST_EVENTS]
    if len(histories) < LEAST_PEOPLE:
        raise TrainingError(
            f"{folder / RATINGS} has {len(histories)} people with {LEAST_EVENTS} or more different items, "
            f"and at least {LEAST_PEOPLE} are needed"
        )
    return histories


def _test(events: pd.DataFrame) -> Iterator[tuple[list[int], int]]:
    """Of each event that is given as the test: what its person had outside of the test, and its item."""
    is_test = events.given == "test"
    known = events[~is_test].groupby("userId")["item"].agg(list).to_dict()
    for person, item in zip(events[is_test]["userId"], events[is_test]["item"], strict=True):
        yield known.get(person, []), int(item)


def _ids(table: pd.DataFrame) -> pd.Series:
    # Up to 18 digits, which int64 holds.
    refuse(table, ~table["movieId"].str.fullmatch("[0-9]{1,18}"), "movieId", "a movieId that is not a whole number")
    return table["movieId"].astype("int64")


def _genres(text: str) -> list[str]:
    return [genre.strip() for genre in text.split("|") if genre.strip() not in ("", NO_GENRES)]
