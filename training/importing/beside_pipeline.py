"""A graph beside the pipeline of transformers that it was: the same answers to the same requests, or no version."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import transformers

from app.errors import InvalidInput
from app.repository.golden import difference
from app.repository.manifest import Metric
from app.tasks.view import View, predict_json, to_json
from app.tensors import Session, Tensors
from training.errors import TrainingError, first_line

TOLERANCE = 1e-4  # of every number: by rounding, in another order of sums
FEWEST = 8  # requests that are enough
LONGEST = 512  # tokens of the stranger that shares their batch

Expected = Callable[[Mapping[str, Any], Mapping[str, Any]], Any]
"""Answers an item, asked with parameters, as transformers does: in the form of our own answers as JSON."""


Fault = Callable[[Any, Any], str | None]
"""The first difference between what is expected and an answer of ours, in words, if there is any."""


def answers_as_transformers(dataset: str, split: str) -> Metric:
    """The figure of an imported model: all its answers were those of transformers, or it is not published."""
    return Metric(name="answers_as_transformers", value=1.0, dataset=dataset, split=split)


def pipeline_of(task: str, network: Any, reader: Any = None, processor: Any = None) -> Any:
    """The pipeline of transformers, which it types no further. Raises TrainingError if it takes no such network.

    `reader` is the tokenizer of texts, `processor` that of images.
    """
    make: Any = transformers.pipeline  # typed by the names of tasks only
    try:
        return make(task, model=network, tokenizer=reader, image_processor=processor)
    except Exception as error:  # of a network as somebody configured it
        raise TrainingError(f"transformers itself has no pipeline for it: {first_line(error)}") from error


def readable(view: View[Any], items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of `items` of which the tokenizer leaves something, and that are not too long. Raises TrainingError."""
    found = []
    for item in items:
        try:
            rows = view.preprocess(view.contract.Input.model_validate(item), view.contract.Parameters()).rows
        except InvalidInput:
            continue
        found += [item] if rows else []
    if len(found) < FEWEST:
        raise TrainingError(f"its tokenizer reads {len(found)} of {len(items)} texts, and {FEWEST} are compared")
    return found


def longer_stranger(row: Tensors, length: int) -> Tensors:
    """A row of `length` tokens, which repeats those of `row`."""
    return {name: np.resize(array, length) for name, array in row.items()}


def fault_of(expected: Any, answer: Any) -> str | None:
    """Two answers as JSON differ, by more than TOLERANCE where they are numbers."""
    return difference(expected, answer, TOLERANCE, "the answer")


def require_same_answers(
    view: View[Any],
    sessions: Mapping[str, Session],
    items: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, Any],
    expected: Expected,
    strangers: Sequence[Tensors],
    *,
    fault: Fault = fault_of,
    named: Callable[[Mapping[str, Any]], str] = str,
) -> None:
    """Compare each answer with `expected`, alone and in one batch with all others and the rows `strangers`.

    `named` is the way to tell of an item. Raises TrainingError at the first `fault`.
    """
    asked = view.contract.Parameters.model_validate(parameters)
    prepared = [view.preprocess(view.contract.Input.model_validate(item), asked) for item in items]
    rows = [row for one in prepared for row in one.rows]
    answers = iter(view.kernel.run(sessions, [*rows, *strangers]))
    for item, one in zip(items, prepared, strict=True):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                known = expected(item, parameters)
        except Exception as error:  # of a network as somebody configured it
            raise TrainingError(f"transformers itself cannot answer {named(item)}: {first_line(error)}") from error
        alone = predict_json(view, sessions, item, parameters)
        together = to_json(view.postprocess(one, [next(answers) for _ in one.rows], asked))
        for answer, company in ((alone, "alone"), (together, "in company")):
            if found := fault(known, answer):
                raise TrainingError(f"it answers {company} otherwise than transformers: {found}, of {named(item)}")
