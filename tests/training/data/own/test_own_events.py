from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from training.data.own import events as layout
from training.data.own.events import own_events
from training.errors import TrainingError

MOVIES = ["movieId,title,genres", *(f"{number},Tea {number},Green" for number in range(1, 21))]
RATINGS = [
    "userId,movieId,rating,timestamp",
    *(f"p{number},{item},4,{item}" for number in range(10) for item in (1, 2)),
]

Write = Callable[[Sequence[str], Sequence[str]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(movies: Sequence[str], ratings: Sequence[str]) -> Path:
        (tmp_path / "movies.csv").write_text("\n".join(movies) + "\n", encoding="utf-8")
        (tmp_path / "ratings.csv").write_text("\n".join(ratings) + "\n", encoding="utf-8")
        return tmp_path

    return written


def test_histories_are_in_the_order_of_time_and_ties_in_the_order_of_the_file(write: Write) -> None:
    events = ["a,5,1,300", "a,3,1,20", "a,4,1,20", "a,6,1,1e2"]
    assert own_events(write(MOVIES, [*RATINGS, *events]))[0].histories[0] == [3, 4, 6, 5]


def test_a_persons_second_event_of_an_item_is_dropped_and_who_has_one_item_left_out(write: Write) -> None:
    events = ["a,5,1,1", "a,6,1,2", "a,5,1,3", "b,7,1,1", "b,7,1,2"]
    assert own_events(write(MOVIES, [*RATINGS, *events]))[0].histories == [[5, 6], *[[1, 2]] * 10]


def test_items_have_their_ids_and_genres_even_if_titles_are_the_same(write: Write) -> None:
    more = ["70,Tea 1,Black|Loose", "60, Tea 1 ,(no genres listed)"]
    catalogue = own_events(write([*MOVIES, *more], [*RATINGS, "a,60,1,1", "a,70,1,2"]))[0].catalogue
    assert [(item.id, item.title, item.genres) for item in catalogue[-3:]] == [
        (20, "Tea 20", ["Green"]), (70, "Tea 1", ["Black", "Loose"]), (60, "Tea 1", []),
    ]  # fmt: skip
    assert catalogue[0].title == ""


def test_an_event_is_of_the_item_with_its_id_and_not_of_that_line(write: Write) -> None:
    data, _, _ = own_events(write([*MOVIES, "70,Coffee,"], [*RATINGS, "a,70,1,1", "a,20,1,2"]))
    assert [data.catalogue[index].title for index in data.histories[0]] == ["Coffee", "Tea 20"]


def test_few_items_that_are_listed_in_two_ways_are_what_they_are_first(write: Write) -> None:
    data, _, [remark] = own_events(write([*MOVIES, "7,Coffee,Black", *MOVIES[1:]], [*RATINGS, "a,7,1,1", "a,20,1,2"]))
    assert [data.catalogue[index].title for index in data.histories[0]] == ["Tea 7", "Tea 20"]
    assert len(data.catalogue) == 21
    assert remark == "1 items are listed in two ways, and were taken as they are listed first."


def test_genres_and_ratings_need_not_be_there(write: Write) -> None:
    plain = [line.rsplit(",", 1)[0] for line in MOVIES]
    ratings = ["userId,movieId,timestamp", *(f"{number},{item},0" for number in range(10) for item in (1, 2))]
    data, _, _ = own_events(write(plain, ratings))
    assert (data.catalogue[1].title, data.catalogue[1].genres, data.histories[0]) == ("Tea 1", [], [1, 2])


@pytest.mark.parametrize(
    ("movies", "ratings", "says"),
    [
        pytest.param(
            MOVIES,
            [*RATINGS, "a,21,3,5", "a,22,3,5"],
            r"ratings.csv, line 22: an item that movies.csv does not list \('21'\), and 1 more",
            id="an unknown item",
        ),
        pytest.param(MOVIES, [*RATINGS, "a,x1,3,5"], r"ratings.csv, line 22: a movieId that .* \('x1'\)", id="an id"),
        pytest.param(MOVIES, [*RATINGS, "a,-1,3,5"], r"ratings.csv, line 22: a movieId that is not", id="below zero"),
        pytest.param(
            MOVIES, [*RATINGS, f"a,{10**30},3,5"], "ratings.csv, line 22: a movieId that is not", id="endless"
        ),
        pytest.param([*MOVIES, "1.5,Tea,"], RATINGS, r"movies.csv, line 22: a movieId .* \('1.5'\)", id="half an id"),
        pytest.param([*MOVIES, ",Tea,"], RATINGS, "movies.csv, line 22: a movieId that is not", id="no id"),
        pytest.param(
            MOVIES,
            [*RATINGS, "a,1,3,2026-11-29"],
            r"ratings.csv, line 22: a timestamp that is not a number \('2026-11-29'\)",
            id="a date",
        ),
        pytest.param(MOVIES, [*RATINGS, "a,1,3,inf"], "line 22: a timestamp that is not a number", id="infinite"),
        pytest.param(MOVIES, [*RATINGS, "a,1,3"], "line 22: a timestamp that is not a number", id="no timestamp"),
        pytest.param(MOVIES, [*RATINGS, " ,1,3,5"], "ratings.csv, line 22: an empty userId", id="nobody"),
        pytest.param([*MOVIES, "21, ,"], RATINGS, "movies.csv, line 22: an empty title", id="an empty title"),
        pytest.param(
            [*MOVIES, "07,Tea,", "08,Tea,"],
            RATINGS,
            r"movies.csv, line 22: an item that is listed twice \('07'\), and 1 more",
            id="many listed twice",
        ),
        pytest.param(
            MOVIES,
            [*RATINGS[:-1], "a,3,1,1"],
            "ratings.csv has 9 people with 2 or more different items, and at least 10 are needed",
            id="too few people",
        ),
        pytest.param(MOVIES[:-1], RATINGS, "lists 19 items, and at least 20 are needed", id="too few items"),
        pytest.param(["movieId,name", "1,Tea"], RATINGS, "movies.csv has no column title", id="a column is missing"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    movies: Sequence[str], ratings: Sequence[str], says: str, write: Write
) -> None:
    with pytest.raises(TrainingError, match=says) as raised:
        own_events(write(movies, ratings))
    assert "\n" not in str(raised.value)


def test_a_catalogue_whose_square_would_not_fit_is_refused(write: Write) -> None:
    movies = [MOVIES[0], *(f"{number},Tea {number}," for number in range(layout.MOST_ITEMS + 1))]
    with pytest.raises(TrainingError, match=r"movies.csv lists 10,001 items, and at most 10,000 .* their square"):
        own_events(write(movies, RATINGS))


@pytest.mark.parametrize("name", ["movies.csv", "ratings.csv"])
def test_a_missing_file_is_named(name: str, write: Write) -> None:
    folder = write(MOVIES, RATINGS)
    (folder / name).unlink()
    with pytest.raises(TrainingError, match=f"{name} is missing"):
        own_events(folder)


def rated(split: str, *events: str) -> list[str]:
    return [f"{event},{split}" for event in events]


SPLIT_RATINGS = [RATINGS[0] + ",split", *rated("train", *RATINGS[1:])]


@pytest.mark.parametrize("form", ["a column", "files", "folders", "files called as splits"])
def test_a_test_that_is_given_is_asked_about_and_not_learned(form: str, write: Write, tmp_path: Path) -> None:
    test = ["p1,5,4,90", "p2,6,4,80", "p2,7,4,85", "new,8,4,1"]
    write(MOVIES, RATINGS)
    if form == "a column":
        write(MOVIES, [*SPLIT_RATINGS, *rated("test", *test)])
    else:
        name = {"files": "ratings_test.csv", "folders": "test/ratings.csv"}.get(form, "test.csv")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("\n".join([RATINGS[0], *test]))
    log, files, remarks = own_events(tmp_path)
    assert log.histories == [[1, 2]] * 10
    assert sorted(log.test) == [([], 8), ([1, 2], 5), ([1, 2], 6), ([1, 2], 7)]
    assert remarks == ["The test split is as given."]
    assert len(files) == (2 if form == "a column" else 3)


def test_events_of_the_validation_are_known_to_the_test_and_not_learned(write: Write) -> None:
    events = [*SPLIT_RATINGS, *rated("dev", "p1,9,4,50"), *rated("test", "p1,5,4,90")]
    log, _, _ = own_events(write(MOVIES, events))
    assert (log.histories, log.test) == ([[1, 2]] * 10, [([1, 2, 9], 5)])


def test_an_event_of_the_test_is_taken_out_of_the_training(write: Write) -> None:
    events = [*SPLIT_RATINGS, *rated("train", "p1,5,4,3"), *rated("test", "p1,5,4,90")]
    log, _, remarks = own_events(write(MOVIES, events))
    assert (log.histories, log.test) == ([[1, 2]] * 10, [([1, 2], 5)])
    assert "1 events were not learned from, since a split that judges has them as well." in remarks


def test_a_source_with_only_a_test_is_one_sentence(write: Write) -> None:
    with pytest.raises(TrainingError, match="has only a test split, and nothing to learn from"):
        own_events(write(MOVIES, [SPLIT_RATINGS[0], *rated("test", *RATINGS[1:])]))
