import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from growth import require_growth
from pydantic import ValidationError

from app.errors import InvalidInput
from app.tasks.catalogue import MAX_SUGGESTED, CatalogueItem, ItemFinder
from app.tasks.recommendation import (
    CatalogueSearch,
    FoundItem,
    HistoryInput,
    ItemQuery,
    ItemQueryParameters,
    Recommendation,
    RecommendationConfig,
    RecommendationKernel,
    RecommendationParameters,
    RecommendedItem,
)
from app.tasks.titles import natural_order
from app.tasks.view import View, predict_alone
from app.tensors import Placement, Tensors

CATALOGUE = [
    {"id": 0, "title": "", "genres": []},
    {"id": 10, "title": "Star Wars (1977)", "genres": ["Sci-Fi"], "popularity": 9},
    {"id": 20, "title": "Terminator, The (1984)", "genres": ["Sci-Fi"], "popularity": 4},
    {"id": 30, "title": "Sabrina (1954)", "genres": ["Comedy"], "popularity": 1},
    {"id": 40, "title": "Sabrina (1995)", "genres": ["Comedy"]},
    {"id": 50, "title": "20 (2001)", "genres": []},
]
STAR_WARS, TERMINATOR, SABRINA_1954, SABRINA_1995, TWENTY = range(1, 6)


class NextInLine:
    """Scores the item right after the newest one highest, the one before it lowest."""

    placement = Placement("cpu", "a test")

    def run(self, inputs: Tensors) -> Tensors:
        newest = inputs["item_ids"][:, -1:]
        distance = (np.arange(len(CATALOGUE)) - newest - 1) % len(CATALOGUE)
        return {"scores": -distance.astype(np.float32)}


@pytest.fixture
def task(tmp_path: Path) -> Recommendation:
    (tmp_path / "items.json").write_text(json.dumps(CATALOGUE))
    return Recommendation(
        RecommendationKernel(RecommendationConfig(max_history=3), {"items.json": tmp_path / "items.json"})
    )


def recommend(task: View[Any], history: list[int | str], **parameters: object) -> list[RecommendedItem]:
    item = HistoryInput(history=history)
    return predict_alone(task, {"model": NextInLine()}, item, RecommendationParameters(**parameters))


def refusal(task: Recommendation, history: list[int | str]) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        task.preprocess(HistoryInput(history=history), RecommendationParameters())
    return caught.value


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


def test_a_row_holds_the_newest_items_padded_from_the_left(task: Recommendation) -> None:
    (row,) = task.preprocess(HistoryInput(history=[10, 20, 30, 40]), RecommendationParameters()).rows
    assert row["item_ids"].dtype == np.int64
    assert row["item_ids"].tolist() == [TERMINATOR, SABRINA_1954, SABRINA_1995]


def test_a_repeated_view_is_read_twice_and_left_out_once(task: Recommendation) -> None:
    (row,) = task.preprocess(HistoryInput(history=[10, 10]), RecommendationParameters()).rows
    assert row["item_ids"].tolist() == [0, STAR_WARS, STAR_WARS]
    assert [found.item for found in recommend(task, [10, 10])] == [20, 30, 40, 50]


def test_the_newest_event_decides(task: Recommendation) -> None:
    assert recommend(task, [30, 10])[0].item == 20
    assert recommend(task, [10, 30])[0].item == 40


def test_scores_are_probabilities_over_the_unseen_items(task: Recommendation) -> None:
    found = recommend(task, ["Star Wars"])
    weights = np.exp([0.0, -1.0, -2.0, -3.0])
    assert [one.score for one in found] == pytest.approx(list(weights / weights.sum()), abs=1e-6)
    assert found[0] == RecommendedItem(item=20, title="Terminator, The (1984)", genres=["Sci-Fi"], score=found[0].score)


def test_top_k_shortens_the_answer_and_keeps_its_probabilities(task: Recommendation) -> None:
    assert recommend(task, ["Star Wars"], top_k=2) == recommend(task, ["Star Wars"])[:2]


def test_items_older_than_the_model_reads_are_left_out_of_the_answer(task: Recommendation) -> None:
    assert [found.item for found in recommend(task, [10, 20, 30, 40])] == [50]


def test_who_saw_everything_is_recommended_nothing(task: Recommendation) -> None:
    assert recommend(task, [10, 20, 30, 40, 50]) == []


def test_an_empty_history_is_answered_with_popular_items_without_the_network(task: Recommendation) -> None:
    prepared = task.preprocess(HistoryInput(history=[]), RecommendationParameters())
    assert not prepared.rows
    popular = task.postprocess(prepared, [], RecommendationParameters(top_k=3))
    assert [(found.item, round(found.score, 6)) for found in popular] == [
        (10, round(10 / 19, 6)), (20, round(5 / 19, 6)), (30, round(2 / 19, 6)),
    ]  # fmt: skip


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


def test_what_names_no_single_item_is_ignored_when_the_caller_says_so(task: Recommendation) -> None:
    item = HistoryInput(history=["zzz", 10, 99, "Sabrina", 20])
    (row,) = task.preprocess(item, RecommendationParameters(unknown="ignore")).rows
    assert row["item_ids"].tolist() == [0, STAR_WARS, TERMINATOR]


def test_a_history_of_ignored_items_is_an_empty_one(task: Recommendation) -> None:
    assert recommend(task, ["zzz"], unknown="ignore") == recommend(task, [])


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


@pytest.mark.parametrize(
    ("value", "kind"), [(True, "bool"), (1.0, "float"), (None, "NoneType"), ([1], "list"), ({"id": 1}, "dict")]
)
def test_what_is_neither_id_nor_title_is_refused_with_one_clear_message(value: object, kind: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HistoryInput.model_validate({"history": [10, value]})
    (fault,) = caught.value.errors()
    assert fault["loc"] == ("history", 1)
    assert fault["msg"] == f"an item is its id (an integer) or its title (a string), not {kind}"


def test_the_schema_tells_what_a_history_holds() -> None:
    items = HistoryInput.model_json_schema()["properties"]["history"]["items"]
    assert [each["type"] for each in items["anyOf"]] == ["integer", "string"]
    assert "id of an item" in items["description"]


def test_a_batch_answers_like_each_row_alone(task: Recommendation) -> None:
    histories = [[10], [20, 30], [10, 20, 30, 40]]
    rows = [task.preprocess(HistoryInput(history=one), RecommendationParameters()).rows[0] for one in histories]
    together = task.kernel.run({"model": NextInLine()}, rows)
    for row, answer in zip(rows, together, strict=True):
        assert np.array_equal(answer["scores"], task.kernel.run({"model": NextInLine()}, [row])[0]["scores"])


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


def test_the_probe_is_as_long_as_the_model_reads_whatever_the_catalogue(task: Recommendation) -> None:
    assert task.kernel.probe(1)["item_ids"].shape == (3,)


@pytest.mark.parametrize("index", [-1, len(CATALOGUE)])
def test_rows_of_tensors_name_items_that_exist(task, index):
    assert len(task.kernel.rows_of({"item_ids": np.array([[0, 1, 5], [0, 0, 2]])})) == 2
    with pytest.raises(InvalidInput, match=f"item_ids: holds {index}, and the model knows 0 to 5"):
        task.kernel.rows_of({"item_ids": np.array([[0, 1, index]])})
