"""Answers are counted, and none fails because of that."""

import logging
from math import inf
from threading import Thread

import pytest
from conftest import publish_sentiment
from published import opened
from references import publish_with_reference, texts

from app.drift import counting
from app.drift.counting import Draw, drift_watch
from app.tasks.text_classification import TextInput
from app.tasks.view import Prepared


@pytest.fixture
def watch(tmp_path):
    reference = publish_with_reference(tmp_path / "models", tmp_path / "scratch")
    loaded = opened(tmp_path / "models", "tiny-sentiment", 2)
    found = drift_watch("tiny/2", loaded.views[0], reference)
    assert found is not None
    return found, loaded.views[0], loaded


def count(watch, view, loaded, number):
    for item in texts(number):
        given, chosen = TextInput(**item), view.contract.Parameters()
        prepared = view.preprocess(given, chosen)
        answers = view.kernel.run(loaded.sessions, prepared.rows)
        watch.count(view, given, prepared, answers, view.postprocess(prepared, answers, chosen))


def test_threads_count_each_answer_once(watch, monkeypatch):
    monkeypatch.setattr(counting, "MOST_A_SECOND", inf)
    threads = [Thread(target=count, args=(*watch, 100)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert watch[0].counts.answers == 400
    assert {sum(counts) for counts in watch[0].counts.counts.values()} == {400}


def test_of_more_than_are_needed_some_are_drawn(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(counting, "monotonic", lambda: now[0])
    draw, drawn = Draw(), []
    for _ in range(20_000):  # 1,000 a second
        now[0] += 0.001
        drawn.append(draw.takes())
    assert all(drawn[:990])
    assert sum(drawn[2000:]) == pytest.approx(18 * counting.MOST_A_SECOND, rel=0.2)
    now[0] += 60  # of silence
    assert draw.takes()


def test_a_measure_that_fails_is_said_once_and_hurts_nobody(watch, caplog):
    found, view, _ = watch
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            found.count(view, None, Prepared([]), [], None)
    (line,) = caplog.records
    assert line.getMessage() == "an answer of tiny/2 could not be measured for drift: AttributeError"
    assert line.exc_info is None
    assert found.counts.answers == 0


def test_without_a_reference_and_for_other_views_nothing_is_counted(watch):
    found, view, loaded = watch
    reference = loaded.manifest.reference
    assert drift_watch("tiny/2", view, None) is None
    assert drift_watch("tiny/2", loaded.views[1], reference) is None
    count(found, type(view)(view.kernel), loaded, 3)
    assert found.counts.answers == 0


def test_a_measure_that_this_service_does_not_know_stays_without_answers(watch):
    _, view, loaded = watch
    reference = loaded.manifest.reference
    later = reference.model_copy(update={"measures": {"smell": reference.measures["tokens"]}})
    other = drift_watch("tiny/2", view, later)
    assert other is not None
    count(other, view, loaded, 3)
    assert (other.counts.answers, other.compared()[0].verdict) == (3, "too few answers")


def test_a_manifest_without_a_reference_is_as_valid_as_before(tmp_path):
    manifest = publish_sentiment(tmp_path / "models", tmp_path / "scratch")
    assert manifest.reference is None
