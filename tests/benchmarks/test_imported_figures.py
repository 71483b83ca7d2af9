"""Figures of imported classifiers beside others: what counts as an answer, and ratios within a round."""

import asyncio
import json
from itertools import cycle

import pytest
from fastapi import FastAPI
from sockets import listening

from benchmarks.imported.__main__ import is_right, write
from benchmarks.imported.client import NO_ANSWER, Asked, closed, message
from benchmarks.imported.figures import Took, ratios, table, took
from benchmarks.imported.servers import BY_NAME, OURS, SERVERS

LABELS = [{"label": "a", "score": 0.75}, {"label": "b", "score": 0.25}]
ANSWERS = {"ours": {"outputs": [LABELS]}, "plain": LABELS, "infinity": {"data": [LABELS], "usage": {}}}


@pytest.mark.parametrize("server", SERVERS, ids=lambda one: one.name)
def test_an_answer_is_right_if_its_scores_are_those_of_transformers(server):
    body = json.dumps(ANSWERS[server.dialect]).encode()
    assert server.scores(body) == {"a": 0.75, "b": 0.25}
    assert is_right(server, Asked(0, 200, body, 1, 1), {"a": 0.7505, "b": 0.2495})
    assert not is_right(server, Asked(0, 200, body, 1, 1), {"a": 0.81, "b": 0.19})
    assert is_right(server, Asked(0, 200, body, 1, 1), {"a": 0.76, "b": 0.24}) == (server.name == "ours-int8")
    assert not is_right(server, Asked(0, 200, body, 1, 1), {"a": 0.75})
    assert not is_right(server, Asked(0, 500, body, 1, 1), {"a": 0.75, "b": 0.25})
    assert not is_right(server, Asked(0, 200, b"{}", 1, 1), {"a": 0.75, "b": 0.25})


def test_only_right_answers_in_time_count():
    assert took([True, True, False, True], [1, 2, 2, 5], [0.1, 0.2, 0.3, 0.4], 4) == Took(0.5, 300, 400, 1)


def test_a_ratio_is_within_a_round_and_none_is_of_a_server_that_answered_nothing():
    ours, other = ([Took(speed, 1, 1, 0) for speed in speeds] for speeds in ((100, 90, 80), (50, 0, 20)))
    assert ratios(ours, other) == [2, 4]
    lines = table({"other": other, "ours": ours}, "ours").splitlines()
    assert lines[-2].endswith("| 3.00 (2.00-4.00) |")
    assert lines[-1].startswith("| ours | 90.0 (80.0-100.0) |")


def test_figures_and_settings_are_written(tmp_path, capsys):
    write(tmp_path, {"mixed": {"ours": [Took(10, 1, 2, 0)]}}, "one core", 3)
    content = json.loads((tmp_path / "imported.json").read_text())
    assert content["rounds"]["mixed"]["ours"] == [{"texts_s": 10, "p50": 1, "p99": 2, "wrong": 0}]
    assert content["servers"].keys() == BY_NAME.keys()
    assert "| ours | 10.0 (10.0-10.0) |" in (tmp_path / "imported.md").read_text()


def test_every_connection_asks_again_until_time_is_over():
    app = FastAPI()

    @app.post("/echo")
    def echo(query: dict) -> dict:
        return query

    messages = [message("/echo", json.dumps({"text": text}).encode()) for text in "abc"]
    with listening(app) as port:
        found = asyncio.run(closed(port, messages, cycle([2, 0, 1]), 4, 0.3))
    assert len(found) > 4
    assert {(one.text, one.status, one.body) for one in found} == {
        (i, 200, json.dumps({"text": text}, separators=(",", ":")).encode()) for i, text in enumerate("abc")
    }


def test_a_server_that_is_not_there_gives_no_answer():
    (found,) = asyncio.run(closed(1, [message(OURS.path, b"{}")], iter([0]), 1, 5))
    assert (found.status, found.body) == (NO_ANSWER, b"")
