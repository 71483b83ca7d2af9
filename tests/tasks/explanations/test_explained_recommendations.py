import json
from pathlib import Path

import numpy as np
import pytest
from graphs import save
from onnx import helper

from app.errors import InvalidInput
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.explanations.recommendation import RecommendationExplanation
from app.tasks.recommendation import Recommendation, RecommendationConfig, RecommendationKernel
from app.tasks.view import predict_json

TITLES = ["padding", "Space", "Stars", "Robots", "Love", "Kisses"]
# What a film of the history (row) adds to the score of each film: space leads to robots, love to kisses.
LEADS_TO = np.zeros((6, 6), np.float32)
LEADS_TO[1, 3], LEADS_TO[2, 3], LEADS_TO[4, 5], LEADS_TO[4, 3] = 3, 1, 2, -1


@pytest.fixture
def tasks(tmp_path: Path):
    """A recommender whose scores are sums over the history, of which it reads four entries, and its explanation."""
    graph = save(
        tmp_path / "sums.onnx",
        [
            helper.make_node("Gather", ["leads_to", "item_ids"], ["by_entry"]),
            helper.make_node("ReduceSum", ["by_entry", "entries"], ["scores"], keepdims=0),
        ],
        [("item_ids", "INT64", ["n", 4])], [("scores", "FP32", ["n", 6])],
        leads_to=LEADS_TO, entries=np.array([1], np.int64),
    )  # fmt: skip
    items = [{"id": i, "title": title, "genres": [], "popularity": 10 * i} for i, title in enumerate(TITLES)]
    (tmp_path / "items.json").write_text(json.dumps(items))
    task = Recommendation(
        RecommendationKernel(RecommendationConfig(max_history=4), {"items.json": tmp_path / "items.json"})
    )
    sessions = {"model": load_onnx(graph, RuntimeOptions(device="cpu"))}
    explanation = RecommendationExplanation(task.kernel)

    def ask(kind, history, **parameters):
        return predict_json(kind, sessions, {"history": history}, parameters)

    return (lambda *args, **named: ask(task, *args, **named)), (lambda *args, **named: ask(explanation, *args, **named))


def test_each_recommended_item_names_what_led_to_it_and_what_spoke_against_it(tasks):
    predict, explain = tasks
    history = ["Space", "Stars", "Love"]
    found = explain(history)["items"]
    assert [(one["item"], one["score"]) for one in found] == [
        (one["item"], pytest.approx(one["score"])) for one in predict(history)
    ]
    robots = {one["title"]: one["because"] for one in found}["Robots"]
    assert [reason["title"] for reason in robots] == ["Space", "Stars", "Love"]
    assert [np.sign(reason["weight"]) for reason in robots] == [1, 1, -1]
    kisses = {one["title"]: one["because"] for one in found}["Kisses"]
    assert kisses[0]["title"] == "Love"
    assert kisses[0]["weight"] > 0


def test_a_weight_is_what_the_probability_loses_without_the_item(tasks):
    _predict, explain = tasks
    robots = explain(["Space", "Love"], top_k=1)["items"][0]
    # Without it: the same films are unseen, so the others share what it loses.
    with_both = np.exp([2, 2, 0]) / np.exp([2, 2, 0]).sum()
    without_space = np.exp([-1, 2, 0]) / np.exp([-1, 2, 0]).sum()
    assert robots["because"][0]["title"] == "Space"
    assert robots["because"][0]["weight"] == pytest.approx(with_both[0] - without_space[0], abs=1e-5)


def test_an_item_that_is_there_twice_is_left_out_as_a_whole(tasks):
    _, explain = tasks
    because = explain(["Space", "Love", "Space"], top_k=1)["items"][0]["because"]
    assert sorted(reason["title"] for reason in because) == ["Love", "Space"]


def test_what_is_too_old_to_be_read_is_no_reason(tasks):
    _, explain = tasks
    because = explain(["Space", "Stars", "Love", "Stars", "Love"], top_k=1)["items"][0]["because"]
    assert {reason["title"] for reason in because} == {"Stars", "Love"}


def test_without_a_history_what_is_popular_has_no_reasons(tasks):
    _predict, explain = tasks
    found = explain([], top_k=2)["items"]
    assert [one["title"] for one in found] == ["Kisses", "Love"]
    assert all(one["because"] == [] for one in found)


def test_of_one_entry_the_weight_is_against_what_is_popular(tasks):
    predict, explain = tasks
    robots = explain(["Space"], top_k=1)["items"][0]
    popular = {one["title"]: one["score"] for one in predict([], top_k=5)}
    total = sum(score for title, score in popular.items() if title != "Space")
    assert robots["because"][0]["weight"] == pytest.approx(robots["score"] - popular["Robots"] / total, abs=1e-5)


def test_only_as_many_reasons_as_were_asked_for_are_named(tasks):
    _, explain = tasks
    assert len(explain(["Space", "Stars", "Love"], max_reasons=1)["items"][0]["because"]) == 1


def test_an_unknown_item_is_refused_as_in_a_prediction_and_may_be_ignored(tasks):
    _, explain = tasks
    with pytest.raises(InvalidInput, match="unknown item"):
        explain(["Spaces"])
    assert explain(["Spaces", "Space"], unknown="ignore", top_k=1)["items"][0]["because"][0]["title"] == "Space"


def test_when_everything_was_seen_nothing_is_left_to_explain(tasks):
    _, explain = tasks
    assert explain(["Space", "Stars", "Robots", "Love", "Kisses"])["items"] == []
