import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from app.errors import InvalidInput
from app.tasks.recommendation import (
    HistoryInput,
    Recommendation,
    RecommendationConfig,
    RecommendationKernel,
    RecommendationParameters,
    RecommendedItem,
)
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


def test_what_names_no_single_item_is_ignored_when_the_caller_says_so(task: Recommendation) -> None:
    item = HistoryInput(history=["zzz", 10, 99, "Sabrina", 20])
    (row,) = task.preprocess(item, RecommendationParameters(unknown="ignore")).rows
    assert row["item_ids"].tolist() == [0, STAR_WARS, TERMINATOR]


def test_a_history_of_ignored_items_is_an_empty_one(task: Recommendation) -> None:
    assert recommend(task, ["zzz"], unknown="ignore") == recommend(task, [])


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


def test_the_probe_is_as_long_as_the_model_reads_whatever_the_catalogue(task: Recommendation) -> None:
    assert task.kernel.probe(1)["item_ids"].shape == (3,)


@pytest.mark.parametrize("index", [-1, len(CATALOGUE)])
def test_rows_of_tensors_name_items_that_exist(task, index):
    assert len(task.kernel.rows_of({"item_ids": np.array([[0, 1, 5], [0, 0, 2]])})) == 2
    with pytest.raises(InvalidInput, match=f"item_ids: holds {index}, and the model knows 0 to 5"):
        task.kernel.rows_of({"item_ids": np.array([[0, 1, index]])})
