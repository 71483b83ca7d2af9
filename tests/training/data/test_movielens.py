from pathlib import Path

import pytest

from training.data.event_log import EventLog
from training.data.movielens import load_movielens

FILMS = """\
item_id:token	movie_title:token_seq	release_year:token	class:token_seq
7	Alien	1979	Action Horror Sci-Fi
8	Cape Fear	1991	Thriller
9	Café at the Film's End, The (1995)	V	Children's
10	Alien	1979	Horror
11	Cape Fear	1962	unknown
267	unkonwn	unkonwn	unknown
"""
EVENTS = """\
user_id:token	item_id:token	rating:float	timestamp:float
2	8	3	200
1	7	5	300
2	267	3	100
1	11	1	100
1	8	4	200
1	10	4	400
2	10	4	200
"""
PEOPLE = """\
user_id:token	age:token	gender:token	occupation:token	zip_code:token
3	20	M	student	00000
2	50	F	artist	00000
1	24	M	technician	00000
"""


@pytest.fixture
def movielens(tmp_path: Path) -> EventLog:
    (tmp_path / "ml-100k.item").write_text(FILMS, encoding="utf-8")
    (tmp_path / "ml-100k.inter").write_text(EVENTS, encoding="utf-8")
    (tmp_path / "ml-100k.user").write_text(PEOPLE, encoding="utf-8")
    return load_movielens(tmp_path)


def test_titles_carry_the_year_once(movielens: EventLog) -> None:
    assert [film.title for film in movielens.catalogue] == [
        "", "Alien (1979)", "Cape Fear (1991)", "Café at the Film's End, The (1995)", "Cape Fear (1962)",
    ]  # fmt: skip


def test_genres_are_a_list_that_is_empty_when_unknown(movielens: EventLog) -> None:
    assert [film.genres for film in movielens.catalogue[1:]] == [
        ["Action", "Horror", "Sci-Fi"], ["Thriller"], ["Children's"], [],
    ]  # fmt: skip


def test_a_film_listed_twice_is_one_item_with_the_first_id(movielens: EventLog) -> None:
    assert [film.id for film in movielens.catalogue] == [0, 7, 8, 9, 11]


def test_histories_are_in_the_order_of_time_and_ties_in_the_order_of_the_file(movielens: EventLog) -> None:
    assert movielens.histories[1] == [2, 1]


def test_a_persons_second_event_of_an_item_is_dropped(movielens: EventLog) -> None:
    assert movielens.histories[0] == [4, 2, 1]


def test_the_film_of_unknown_title_is_left_out(movielens: EventLog) -> None:
    assert "unkonwn" not in {film.title for film in movielens.catalogue}
    assert [len(history) for history in movielens.histories] == [3, 2]


def test_what_is_known_of_people_is_in_the_order_of_their_histories(movielens: EventLog) -> None:
    assert {name: group.tolist() for name, group in movielens.groups.items()} == {
        "women": [False, True], "men": [True, False],
        "under 25": [True, False], "25 to 34": [False, False], "35 to 49": [False, False], "50 or older": [False, True],
    }  # fmt: skip
