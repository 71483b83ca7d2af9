import asyncio
import re
from typing import Any

import pytest

from app.errors import InferenceFailed, InvalidArtifact, InvalidInput
from app.repository.pipeline import Step
from app.serving.engine import Ask
from app.serving.pool import Pool
from app.serving.steps import FEW_ITEMS, asking_of, items_of
from app.tasks.image_generation import GeneratedImage, SeedInput
from app.tasks.labels import Label
from app.tasks.tensors import TensorsInput

GIVEN = {
    "input": SeedInput.model_validate({"class": "bag", "seed": 7}),
    "labels": [Label("coat", 0.75), Label("bag", 0.25)],
    "paints": GeneratedImage.model_validate({"image": b"PNG", "class": "coat", "seed": 8}),
    "tensors": TensorsInput({"x": [[1.5, 2.5], [3.5, 4.5]]}),
}


def asked(inputs: dict[str, Any], task: str = "text-classification", number: int = 1) -> list[Any]:
    step = Step(name="reads", model="model", version=1, task=task, inputs=inputs)
    given = {name: [value] * number for name, value in GIVEN.items()}
    ask = Ask("row", None, "pipeline", [], None, 20.0, caller="who asks")
    threads = Pool(1, "items")
    try:
        return list(asyncio.run(items_of(asking_of(step), given, threads, ask)))
    finally:
        threads.close()


@pytest.mark.parametrize("number", [1, FEW_ITEMS + 1])
@pytest.mark.parametrize(
    ("reference", "text"),
    [("input.class", "bag"), ("labels.0.label", "coat"), ("labels.1.label", "bag"), ("paints.class", "coat")],
)
def test_a_part_is_named_as_in_json(reference: str, text: str, number: int):
    assert [item.text for item in asked({"text": reference}, number=number)] == [text] * number


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ({"features": "tensors.x"}, {"features": [[1.5, 2.5], [3.5, 4.5]]}),
        ({"features": "tensors.x.1"}, {"features": [3.5, 4.5]}),
        ({"seed": "paints.seed", "score": "labels.0.score"}, {"seed": 8, "score": 0.75}),
    ],
)
def test_tensors_and_numbers_are_passed_on(inputs: dict[str, str], found: dict[str, Any]):
    assert asked(inputs, "tensors")[0].root == found


def test_a_list_is_made_of_parts_however_many():
    inputs = {"source_sentence": "input.class", "sentences": ["labels.0.label"]}
    (item,) = asked(inputs, "sentence-similarity")
    assert (item.source_sentence, item.sentences) == ("bag", ["coat"])
    (item,) = asked({**inputs, "sentences": ["labels.0.label", "paints.class", "input.class"]}, "sentence-similarity")
    assert item.sentences == ["coat", "coat", "bag"]


def test_a_part_of_a_list_is_whose_it_came_from():
    inputs = {"source_sentence": "input.class", "sentences": ["labels.0.label", "input.seed"]}
    with pytest.raises(InvalidInput, match="step reads: ") as found:
        asked(inputs, "sentence-similarity")
    assert found.value.details[0]["loc"] == ["inputs", 0, "seed"]
    with pytest.raises(InferenceFailed, match="step reads does not take what came before it"):
        asked({**inputs, "sentences": ["labels.0.score", "input.class"]}, "sentence-similarity")


@pytest.mark.parametrize(
    "reference",
    ["paints.label", "paints.model_fields", "labels.0.__class__", "labels.2.label", "labels.x", "tensors.y"],
)
def test_what_a_step_did_not_give_is_our_fault(reference: str):
    name, _, rest = reference.partition(".")
    with pytest.raises(InferenceFailed, match=f"step {name} gave no {re.escape(rest)}"):
        asked({"text": reference})


def test_what_the_caller_did_not_give_is_his():
    with pytest.raises(InvalidInput) as found:
        asked({"text": "input.colour"})
    assert found.value.details[0]["loc"] == ["inputs", 0, "colour"]
    with pytest.raises(InvalidInput, match="step reads: ") as found:
        asked({"text": "input.seed"})
    assert found.value.details[0]["loc"] == ["inputs", 0, "seed"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"task": "magic"}, "a model for magic does not answer 'magic'"),
        ({"view": "items"}, "does not answer 'items'"),
        ({"parameters": {"top_k": "all"}}, "parameters: top_k: "),
    ],
)
def test_a_step_that_cannot_be_asked_so_is_refused(fields: dict[str, Any], says: str):
    step = Step(**{"name": "reads", "model": "model", "version": 1, "task": "text-classification", **fields})
    with pytest.raises(InvalidArtifact, match=f"step reads: .*{says}|step reads: {says}"):
        asking_of(step)
