"""The numbers and names that are measured of a question and of its answer, by kind of model.

Training measures by these when it publishes, and the service when it answers. They depend on no parameter that a caller
may choose, and take some tens of microseconds.
"""

from collections.abc import Callable, Mapping, Sequence
from math import log
from typing import Any

import numpy as np

from app.tasks.image_classification import ImageClassification
from app.tasks.recommendation import Recommendation
from app.tasks.summarization import Summarization
from app.tasks.tables.kernel import TableView
from app.tasks.tabular_classification import TabularClassification
from app.tasks.tabular_regression import TabularRegression
from app.tasks.text import TextEncoder
from app.tasks.text_classification import TextClassification
from app.tasks.time_series_forecasting import TimeSeriesForecasting
from app.tasks.view import Prepared, View
from app.tensors import Array, Tensors

MOST_COLUMNS = 30  # of a table that are measured: its first
MOST_SCORES = 20  # the best of a thousand labels: the entropy of the rest says nothing
MOST_PIXELS = 1000  # values of a picture that are looked at, evenly spread

Measured = Mapping[str, float | str]
"""By name; what cannot be told of an answer is left out."""
Measure = Callable[[Any, Prepared, Sequence[Tensors], Any], Measured]
"""Of an item, what was prepared of it, the answers to its rows, and the output."""


def measure_of(view: View[Any]) -> Measure | None:
    """Return what measures answers of this view; None for a kind of which nothing is measured yet."""
    made = MEASURES.get(type(view))
    return made(view) if made else None


def _of_text(view: TextClassification) -> Measure:
    kernel = view.kernel
    read, labels = _reading(kernel.encoder), kernel.labels

    def measure(item: Any, prepared: Prepared, answers: Sequence[Tensors], output: Any) -> Measured:
        found: dict[str, float | str] = {"characters": len(item.text), **read(prepared.rows)}
        # Of another language or kind of text it changes even where the vocabulary lacks no word.
        found["tokens per character"] = len(prepared.rows[0]["input_ids"]) / len(item.text)
        return found | _of_scores(kernel.scores(answers[0]), labels)

    return measure


def _of_picture(view: ImageClassification) -> Measure:
    labels = view.kernel.labels

    def measure(item: Any, prepared: Prepared, answers: Sequence[Tensors], output: Any) -> Measured:
        values = prepared.rows[0]["image"].ravel()
        step = max(1, len(values) // MOST_PIXELS)
        values = values[:: step + (step % 3 == 0)].astype(np.float32)  # all three colours come by turns
        return {
            "pixels": view.needs(item).pixels,
            "brightness": float(values.mean()),
            "contrast": float(values.std()),
            **_of_scores(answers[0]["probabilities"], labels),
        }

    return measure


def _of_row(view: TableView[Any]) -> Callable[[Prepared], dict[str, float | str]]:
    """Each column: a number, or a category as it is read, empty if it is missing."""
    numbers, categories = (
        [name for name, column in view.kernel.columns.items() if column.kind == kind] for kind in ("number", "category")
    )
    measured = {f"column {name}" for name in list(view.kernel.columns)[:MOST_COLUMNS]}
    places = [
        (tensor, place, f"column {name}")
        for tensor, names in (("numbers", numbers), ("categories", categories))
        for place, name in enumerate(names)
        if f"column {name}" in measured
    ]

    def measure(prepared: Prepared) -> dict[str, float | str]:
        (row,) = prepared.rows
        values = {name: array.tolist() for name, array in row.items()}
        found: dict[str, float | str] = {name: values[tensor][place] for tensor, place, name in places}
        empty = [value != value for value in values.get("numbers", ())] + [not v for v in values.get("categories", ())]
        found["missing"] = sum(empty) / len(empty)
        return found

    return measure


def _of_class_of_row(view: TabularClassification) -> Measure:
    read, labels = _of_row(view), view.kernel.labels

    def measure(item: Any, prepared: Prepared, answers: Sequence[Tensors], output: Any) -> Measured:
        return read(prepared) | _of_scores(answers[0]["probabilities"], labels)

    return measure


def _of_number_of_row(view: TabularRegression) -> Measure:
    read = _of_row(view)

    def measure(item: Any, prepared: Prepared, answers: Sequence[Tensors], output: Any) -> Measured:
        return {**read(prepared), "value": output.value}

    return measure


def _of_history(view: Recommendation) -> Measure:
    """The length of a history, and the popularity of what is in it and what is recommended: the logarithm of events."""
    kernel = view.kernel
    events = {item.id: float(known) for item, known in zip(kernel.items[1:], kernel.popularity[1:], strict=True)}

    def measure(item: Any, prepared: Prepared, answers: Sequence[Tensors], output: Any) -> Measured:
        seen = prepared.context[-kernel.max_history :]
        found: dict[str, float | str] = {"history": len(prepared.context)}
        if seen:
            found["popularity of history"] = float(kernel.popularity[seen].mean())
        if output:
            found |= {"score": output[0].score, "popularity of answer": events[output[0].item]}
        return found

    return measure


def _of_article(view: Summarization) -> Measure:
    read = _reading(view.encoder)

    def measure(item: Any, prepared: Prepared, answers: Sequence[Tensors], output: Any) -> Measured:
        sentences = len(prepared.context)
        return {
            "characters": len(item.text),
            "sentences": sentences,
            **read(prepared.rows),
            "score": max(one.score for one in output.sentences) if sentences > 1 else 1.0,
        }

    return measure


def _of_series(view: TimeSeriesForecasting) -> Measure:
    """All but its length in the unit of the series, the mean distance from the level of its last season."""

    def measure(item: Any, prepared: Prepared, answers: Sequence[Tensors], output: Any) -> Measured:
        found: dict[str, float | str] = {"values": len(item.values)}
        if answers:
            scale, quantiles = prepared.context, answers[0]["quantiles"]
            found["level"] = scale.level / scale.unit
            found["spread"] = float((quantiles[:, -1] - quantiles[:, 0]).mean())
            found["change"] = float(quantiles[-1, quantiles.shape[1] // 2])
        return found

    return measure


MEASURES: Mapping[type[View[Any]], Callable[[Any], Measure]] = {
    TextClassification: _of_text,
    ImageClassification: _of_picture,
    TabularClassification: _of_class_of_row,
    TabularRegression: _of_number_of_row,
    Recommendation: _of_history,
    Summarization: _of_article,
    TimeSeriesForecasting: _of_series,
}


def _reading(encoder: TextEncoder) -> Callable[[Sequence[Tensors]], dict[str, float | str]]:
    """Tokens of the rows of a text, and the share of them that the vocabulary lacks, if it can lack any."""
    unknown = encoder.unknown_id

    def read(rows: Sequence[Tensors]) -> dict[str, float | str]:
        if not rows:
            return {}
        ids = rows[0]["input_ids"] if len(rows) == 1 else np.concatenate([row["input_ids"] for row in rows])
        found: dict[str, float | str] = {"tokens": len(ids)}
        if unknown is not None:
            found["unknown tokens"] = np.count_nonzero(ids == unknown) / len(ids)
        return found

    return read


def _of_scores(scores: Array, labels: Sequence[str]) -> dict[str, float | str]:
    """The best label and its score, how far the next one is behind, and the entropy of the best MOST_SCORES."""
    best = int(scores.argmax())
    few: list[float] = (
        np.partition(scores, -MOST_SCORES)[-MOST_SCORES:].tolist() if len(scores) > MOST_SCORES else scores.tolist()
    )
    score, *others = sorted(few, reverse=True)  # of few numbers it takes a fifth of the time that numpy does
    found: dict[str, float | str] = {"label": labels[best], "score": score}
    if others:
        found["margin"] = score - others[0]
        if others[-1] >= 0 and (whole := sum(few)) > 0:
            found["entropy"] = -sum(one / whole * log(one / whole) for one in few if one)
    return found
