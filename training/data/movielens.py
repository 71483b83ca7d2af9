"""MovieLens-100k: 943 people rated films, 1997 to 1998; here each person's films in the order of rating.

Paper: Harper & Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 2015. GroupLens permits research
but no redistribution, so nothing of it is kept beside this code: it is fetched where the model is made.
"""

from itertools import pairwise
from pathlib import Path

import pandas as pd

from app.repository.manifest import Source
from app.tasks.catalogue import CatalogueItem
from training.data.event_log import PADDING, EventLog, Group
from training.data.fetch.pypi import Package, fetch

PACKAGE = Package("recbole", "1.2.1", "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407")
SOURCE = Source(
    name="MovieLens-100k, as packaged in recbole",
    version=PACKAGE.version,
    licence="GroupLens terms of use: for research, not to be redistributed",
    sha256=PACKAGE.sha256,
    used_for="training and evaluation",
)
SPLIT = "the last event of each of 943 people, ranked among all films they had not rated"
UNKNOWN_FILM = "267"  # ratings of a film whose title nobody knows any more
AGES = (25, 35, 50)


def load_movielens(folder: Path | None = None) -> EventLog:
    """Read `ml-100k.item`, `ml-100k.inter` and `ml-100k.user` in `folder`; by default they are fetched.

    An event is that somebody rated a film; how well is left out. Films that are listed twice, under two
    ids, become one item with the first id, and a person's second event of it is dropped.
    """
    folder = folder or fetch(PACKAGE) / "recbole" / "dataset_example" / "ml-100k"
    films = _read(folder / "ml-100k.item", ["film", "title", "year", "genres"])
    films = films[films["film"] != UNKNOWN_FILM]
    titles = [_title(title, year) for title, year in zip(films["title"], films["year"], strict=True)]
    films = films.assign(title=titles, index=pd.factorize(pd.Series(titles))[0] + 1)
    listed = films.drop_duplicates("index")
    catalogue = [
        CatalogueItem(id=int(film), title=title, genres=genres.replace("unknown", "").split())
        for film, title, genres in zip(listed["film"], listed["title"], listed["genres"], strict=True)
    ]
    histories = _histories(folder, dict(zip(films["film"], films["index"], strict=True)))
    return EventLog([PADDING, *catalogue], list(histories.values()), _groups(folder, list(histories)))


def _groups(folder: Path, people: list[str]) -> dict[str, Group]:
    """Women, men, and people by age."""
    about = _read(folder / "ml-100k.user", ["person", "age", "gender", "occupation", "zip"]).set_index("person")
    about = about.loc[people]
    gender, age = about["gender"].to_numpy(), about["age"].astype(int).to_numpy()
    ages = {
        f"under {AGES[0]}": age < AGES[0],
        **{f"{low} to {high - 1}": (age >= low) & (age < high) for low, high in pairwise(AGES)},
        f"{AGES[-1]} or older": age >= AGES[-1],
    }
    return {"women": gender == "F", "men": gender == "M", **ages}


def _histories(folder: Path, index_of: dict[str, int]) -> dict[str, list[int]]:
    events = _read(folder / "ml-100k.inter", ["person", "film", "rating", "time"])
    events["index"] = events["film"].map(index_of)
    events["time"] = events["time"].astype(float)
    events = events.dropna(subset="index").astype({"index": int})
    # People rated page by page, so many events share a second; those stay in the order of the file.
    events = events.sort_values("time", kind="stable").drop_duplicates(["person", "index"])
    return {str(person): history["index"].tolist() for person, history in events.groupby("person")}


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", header=0, names=columns, dtype=str, keep_default_na=False, encoding="utf-8")


def _title(title: str, year: str) -> str:
    """`Alien` of `1979` is "Alien (1979)"; where the year is none ("V", for video) the title already has it."""
    return f"{title} ({year})" if year.isdecimal() else title
