"""The item of a catalogue that a caller means, and the items that a search finds."""

import pytest
from growth import require_growth
from test_recommendation import (
    CATALOGUE,
    SABRINA_1954,
    SABRINA_1995,
    STAR_WARS,
    TERMINATOR,
    TWENTY,
    recommend,
    refusal,
    task,
)

from app.errors import InvalidInput
from app.tasks.catalogue import MAX_SUGGESTED, CatalogueItem, ItemFinder
from app.tasks.recommendation import (
    CatalogueSearch,
    FoundItem,
    HistoryInput,
    ItemQuery,
    ItemQueryParameters,
    Recommendation,
    RecommendationParameters,
)
from app.tasks.titles import natural_order
from app.tasks.view import predict_alone

__all__ = ["task"]


@pytest.mark.parametrize(
    ("reference", "index"),
    [
        pytest.param(20, TERMINATOR, id="an integer is an id"),
        pytest.param("30", SABRINA_1954, id="digits are an id"),
        pytest.param("20", TWENTY, id="digits that are a title are the title"),
        pytest.param("Star Wars (1977)", STAR_WARS, id="the exact title"),
        pytest.param("Star Wars", STAR_WARS, id="the title without its year"),
        pytest.param("Terminator, The", TERMINATOR, id="the filed title without its year"),
        pytest.param("The Terminator", TERMINATOR, id="the title as it is spoken"),
        pytest.param("The Terminator (1984)", TERMINATOR, id="the title as it is spoken, with its year"),
        pytest.param("Sabrina (1995)", SABRINA_1995, id="the year tells two films apart"),
    ],
)
def test_an_item_is_found_by(task: Recommendation, reference: int | str, index: int) -> None:
    prepared = task.preprocess(HistoryInput(history=[reference]), RecommendationParameters())
    assert prepared.rows[0]["item_ids"].tolist() == [0, 0, index]


@pytest.mark.parametrize(
    ("filed", "spoken"),
    [
        ("Alien (1979)", "Alien (1979)"),
        ("Good, The Bad and The Ugly, The (1966)", "The Good, The Bad and The Ugly (1966)"),
        ("Tin Drum, The (Blechtrommel, Die) (1979)", "The Tin Drum (Blechtrommel, Die) (1979)"),
        ("Avventura, L' (1960)", "L'Avventura (1960)"),
        ("American in Paris, An", "An American in Paris"),
        ("Tango, and A Half", "Tango, and A Half"),
    ],
)
def test_a_filed_article_moves_to_the_front(filed: str, spoken: str) -> None:
    assert natural_order(filed) == spoken


def test_every_unknown_item_is_named_with_its_place_and_near_titles(task: Recommendation) -> None:
    error = refusal(task, ["Star Warts", 10, 99, "zzz", "The Terminater (1985)"])
    assert error.details == [
        {"loc": ["history", 0], "msg": 'unknown item "Star Warts"; did you mean "Star Wars (1977)"?'},
        {"loc": ["history", 2], "msg": "unknown item 99"},
        {"loc": ["history", 3], "msg": 'unknown item "zzz"'},
        {
            "loc": ["history", 4],
            "msg": 'unknown item "The Terminater (1985)"; did you mean "Terminator, The (1984)"?',
        },
    ]


@pytest.mark.parametrize("padding", [0, "0", ""])
def test_padding_is_not_an_item(task: Recommendation, padding: int | str) -> None:
    assert "unknown item" in str(refusal(task, [padding]))


def test_the_beginning_of_a_title_is_enough_for_a_suggestion(task: Recommendation) -> None:
    assert str(refusal(task, ["star"])).endswith('did you mean "Star Wars (1977)"?')
    assert "did you mean" not in str(refusal(task, ["s"]))


def test_an_ambiguous_title_names_its_candidates(task: Recommendation) -> None:
    expected = '"Sabrina" is ambiguous; it may be "Sabrina (1954)" (id 30) or "Sabrina (1995)" (id 40)'
    assert refusal(task, [10, "Sabrina"]).details == [{"loc": ["history", 1], "msg": expected}]


def test_only_the_first_unknown_items_are_worth_a_search_for_near_titles(task: Recommendation) -> None:
    messages = [detail["msg"] for detail in refusal(task, ["Star Warts"] * 8).details]
    assert ["did you mean" in message for message in messages] == [True] * MAX_SUGGESTED + [False] * 3


def test_the_exact_title_comes_before_another_without_its_year() -> None:
    titles = ["", "Heat (1995)", "Heat", "Heat, The", "The Heat (2013)"]
    finder = ItemFinder([CatalogueItem(id=index, title=title, genres=[]) for index, title in enumerate(titles)])
    assert finder.find("Heat") == [2]
    assert finder.find("The Heat") == [3]
    assert finder.find("The Heat (2013)") == [4]


LOOKS = {
    "Misérables, Les (1995)": [
        "Mise\u0301rables, Les (1995)",
        "Les Mise\u0301rables",
        "Mis\u00ade\u0301rables, Les (1995)",
    ],
    "Schindler's List (1993)": ["Schindler’s List (1993)", "  Schindler's  List\u00a0(1993)\n", "Schindlerʼs List"],
    "Twelve Monkeys (1995)": [
        "Ｔｗｅｌｖｅ　Ｍｏｎｋｅｙｓ　（１９９５）",
        "Twelve\u200b Monkeys (1995)",
        "\ufeffTwelve Monkeys",
    ],
    "Avventura, L' (1960)": ["L’Avventura", "L'Avventura (1960)", "Avventura, L’ (1960)"],
    "Fanny - Alexander": ["Fanny – Alexander", "Fanny — Alexander", "Fanny \u2011 Alexander"],
    "ガンダム": ["ｶﾞﾝﾀﾞﾑ", "カ\u3099ンタ\u3099ム"],
    "각시탈": ["각시탈".encode().decode(), "\u1100\u1161\u11a8\u1109\u1175\u1110\u1161\u11af"],
    "Fire \ufb01ght": ["Fire fight", "Fire \ufb01ght"],
    "I \u2764\ufe0f Huckabees": ["I \u2764 Huckabees"],
}


@pytest.mark.parametrize(("title", "written"), [(title, one) for title, all_ in LOOKS.items() for one in all_])
def test_a_title_is_found_by_all_that_looks_like_it(title: str, written: str) -> None:
    finder = ItemFinder([CatalogueItem(id=i, title=one, genres=[]) for i, one in enumerate(["", *LOOKS])])
    assert finder.find(written) == [1 + list(LOOKS).index(title)]


def test_what_is_spelt_so_wins_over_what_only_looks_so() -> None:
    titles = ["", "Ame\u0301lie", "Amélie", "Ｕ２", "U2", "Seven"]
    finder = ItemFinder([CatalogueItem(id=i, title=title, genres=[]) for i, title in enumerate(titles)])
    assert [finder.find(title) for title in titles[1:]] == [[1], [2], [3], [4], [5]]
    assert finder.find("Am\u200bélie") == [1, 2]
    assert finder.find("AMÉLIE") == finder.find("Amelie") == []


def test_an_id_is_found_in_digits_of_any_width(task: Recommendation) -> None:
    assert recommend(task, ["１０"]) == recommend(task, ["10"])


def test_a_suggestion_never_looks_like_what_is_unknown(task: Recommendation) -> None:
    assert str(refusal(task, ["St\u0430r Wars (1977)"])) == (
        'history.0: unknown item "St\\u0430r Wars (1977)"; did you mean "Star Wars (1977)"?'
    )
    assert '"star wars (1977)"; did you mean "Star Wars (1977)"?' in str(refusal(task, ["star wars (1977)"]))


def test_endless_marks_over_one_letter_cost_nothing(task: Recommendation) -> None:
    require_growth(lambda size: refusal(task, ["a" + "\u0301\u0323" * size]), 100_000)


def test_long_hostile_texts_are_refused_in_linear_time_and_in_few_words(task: Recommendation) -> None:
    def refused(size: int) -> InvalidInput:
        return refusal(task, ["Terminator, The (" * size + str(i) for i in range(100)])

    require_growth(refused, 16_000)
    error = refused(16_000)
    assert len(error.details) == 100
    assert max(len(detail["msg"]) for detail in error.details) < 120


def test_half_a_surrogate_pair_is_refused_in_valid_unicode(task: Recommendation) -> None:
    assert str(refusal(task, ["\ud83d"])).encode("utf-8")


SEARCHES = [
    pytest.param("star", [STAR_WARS], id="the beginning of a title"),
    pytest.param("WAR", [STAR_WARS], id="the beginning of another word, in capitals"),
    pytest.param("wars star", [STAR_WARS], id="words in any order"),
    pytest.param("the term", [TERMINATOR], id="a title as it is spoken, filed under its noun"),
    pytest.param("terminator", [TERMINATOR], id="a title without its article"),
    pytest.param("sabrina 1995", [SABRINA_1995], id="a year"),
    pytest.param("sabrina", [SABRINA_1954, SABRINA_1995], id="two of one name, the popular one first"),
    pytest.param("säbrina", [SABRINA_1954, SABRINA_1995], id="accents do not matter"),
    pytest.param("tar", [], id="the middle of a word"),
    pytest.param("", [STAR_WARS, TERMINATOR, SABRINA_1954, SABRINA_1995, TWENTY], id="everything, by popularity"),
    pytest.param("%.*", [STAR_WARS, TERMINATOR, SABRINA_1954, SABRINA_1995, TWENTY], id="signs are no words"),
]


def search(task: Recommendation, query: str, limit: int) -> list[FoundItem]:
    view = CatalogueSearch(task.kernel)
    return predict_alone(view, {}, ItemQuery(query=query), ItemQueryParameters(limit=limit))


@pytest.mark.parametrize(("query", "indices"), SEARCHES)
def test_a_search_finds(task: Recommendation, query: str, indices: list[int]) -> None:
    assert [found.item for found in search(task, query, 10)] == [CATALOGUE[index]["id"] for index in indices]


def test_a_search_gives_no_more_than_it_is_asked_for(task: Recommendation) -> None:
    (found,) = search(task, "sabrina", 1)
    assert (found.title, found.genres) == ("Sabrina (1954)", ["Comedy"])
