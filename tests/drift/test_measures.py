"""The numbers and names that are measured, by real models of each kind, and what comes of hostile inputs."""

from io import BytesIO
from math import isfinite, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import publish_sentiment
from graphs import publish_brightness, publish_recommender
from PIL import Image
from published import opened
from table_models import publish_tables
from tiny_summarizer import publish_summarizer

from app.drift.measures import MOST_SCORES, Measured, measure_of
from app.errors import InvalidInput
from app.serving.loading import Loaded
from app.tasks import TASKS
from app.tasks.image_classification import ImageClassification
from app.tasks.time_series_forecasting import AIRLINE_PASSENGERS
from app.tasks.view import predict_alone

MODELS = Path(__file__).parents[2] / "models"


def measured(loaded: Loaded, item: Any, **parameters: Any) -> Measured:
    """All that is measured of an answer; one that is refused measures nothing."""
    view, found = loaded.views[0], []
    measure = measure_of(view)
    assert measure is not None
    given, chosen = view.contract.Input.model_validate(item), view.contract.Parameters.model_validate(parameters)
    try:
        output = predict_alone(view, loaded.sessions, given, chosen)
    except InvalidInput:
        return {}
    prepared = view.preprocess(given, chosen)
    answers = view.kernel.run(loaded.sessions, prepared.rows) if prepared.rows else []
    found.append(measure(given, prepared, answers, output))
    assert all(isinstance(one, str) or (isfinite(one) or one != one) for one in found[0].values())
    return found[0]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_sentiment(root, scratch)
    publish_brightness(root, scratch)
    publish_recommender(root, scratch, ["Alien", "Brazil", "Casino"])
    publish_tables(root, scratch)
    publish_summarizer(root, scratch)
    return root


def picture(colour: str, size: tuple[int, int] = (20, 10)) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def test_a_text(models):
    tiny = opened(models, "tiny-sentiment")
    found = measured(tiny, {"text": "what a strange film"})
    even = {"score": 0.5, "margin": 0.0, "entropy": pytest.approx(log(2)), "label": "negative"}
    assert found == {"characters": 19, "tokens": 4, "tokens per character": 4 / 19, "unknown tokens": 0.25, **even}
    chosen = {"top_k": 1, "function_to_apply": "none"}
    assert measured(tiny, {"text": "what a strange film"}, **chosen) == found


@pytest.mark.parametrize("text", ["a" * 100_000, "\ud800 good", "\x00", "\u202e" * 9, "𝔘" * 500, " good\n" * 3])
def test_hostile_texts(models, text):
    tiny = opened(models, "tiny-sentiment")
    found = measured(tiny, {"text": text}, truncate=True)
    assert not found or found["label"] in ("negative", "positive")


def test_a_photo(models):
    bright = opened(models, "brightness")
    white, black = (measured(bright, {"image": picture(colour)}) for colour in ("white", "black"))
    assert (white["brightness"], black["brightness"]) == (255, 0)
    assert white["contrast"] == 0
    assert white["pixels"] == 200
    red = measured(bright, {"image": picture("red")})["brightness"]
    assert red == pytest.approx(85, abs=1)  # a third of the values, whatever the step


def test_the_entropy_is_that_of_the_best_labels_of_many():
    view = ImageClassification.__new__(ImageClassification)
    shares = np.float32([0.5] + [0.5 / 999] * 999)

    class Kernel:
        labels = tuple(map(str, range(1000)))

    view.kernel = Kernel()  # type: ignore[assignment]
    view.needs = lambda item: type("Needs", (), {"pixels": 1})  # type: ignore[method-assign]
    measure = measure_of(view)
    assert measure is not None
    row = type("P", (), {"rows": [{"image": np.zeros((8, 8, 3), np.uint8)}]})
    found = measure(None, row, [{"probabilities": shares}], None)  # type: ignore[arg-type]
    best = np.sort(shares)[-MOST_SCORES:].astype(float) / np.sort(shares)[-MOST_SCORES:].sum()
    assert found["entropy"] == pytest.approx(-(best * np.log(best)).sum(), rel=1e-5)
    assert (found["label"], found["margin"]) == ("0", pytest.approx(0.5 - 0.5 / 999, rel=1e-5))


def test_a_row_of_a_table(models):
    row = {"months": None, "contract": "monthly", "charge": 70.5}
    found = measured(opened(models, "leaving"), row)
    assert found["column charge"] == 70.5
    assert found["column contract"] == "monthly"
    assert found["missing"] == pytest.approx(1 / 3)
    assert found["column months"] != found["column months"]  # NaN, which lies in no bin
    assert found["label"] in ("stays", "leaves")
    assert set(measured(opened(models, "cost"), row)) >= {"value", "column months"}


def test_a_category_that_a_stranger_makes_up_is_measured_as_he_wrote_it(models):
    row = {"months": 7, "contract": "'; DROP TABLE", "charge": 1}
    assert measured(opened(models, "leaving"), row, unknown="ignore")["column contract"] == "'; DROP TABLE"


def test_a_history(models):
    places = opened(models, "places")
    found = measured(places, {"history": [1, "Brazil"]})
    assert found["history"] == 2
    assert found["popularity of history"] == pytest.approx((log(2) + log(3)) / 2)
    assert (found["popularity of answer"], found["score"]) == (pytest.approx(log(4)), pytest.approx(1))
    assert set(measured(places, {"history": []})) == {"history", "score", "popularity of answer"}
    assert set(measured(places, {"history": [1, 2, 3]})) == {"history", "popularity of history"}  # nothing is left


def test_an_article(models):
    name = next(path.name for path in models.iterdir() if "summar" in path.name)
    text = "The pool will open in June. The council paid for new pumps. A ticket will cost four euros in summer."
    found = measured(opened(models, name), {"text": text})
    assert (found["characters"], found["sentences"]) == (len(text), 3)
    assert 0 < found["score"] <= 1
    one = measured(opened(models, name), {"text": "The pool will open in June."})
    assert (one["sentences"], one["score"], "tokens" in one) == (1, 1.0, False)


def test_a_series():
    loaded = opened(MODELS, "time-series-forecaster", 2)
    found = measured(loaded, {"values": AIRLINE_PASSENGERS})
    assert found["values"] == len(AIRLINE_PASSENGERS)
    thousandfold = measured(loaded, {"values": [1000.0 * one for one in AIRLINE_PASSENGERS]})
    assert thousandfold == {name: pytest.approx(value, rel=1e-3) for name, value in found.items()}
    assert measured(loaded, {"values": [7.0] * 24}) == {"values": 24}
    assert measured(loaded, {"values": [1e300, -1e300] * 20})["values"] == 40


def test_each_measure_belongs_to_the_own_view_of_a_task():
    from app.drift.measures import MEASURES

    assert set(MEASURES) <= {task.Views[0] for task in TASKS.values()}
