import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.errors import InvalidArtifact
from app.repository.cascade import CascadeManifest, CascadeStep
from app.repository.publish import publish
from app.repository.repository import ModelRepository

SMALL = {"name": "small", "model": "mood-small", "version": 1, "enough": 0.9}
LARGE = {"name": "large", "model": "mood-large", "version": 3}
OF_THE_LAST = {
    "config": {"class_names": ["bad", "good"]},
    "inputs": [{"name": "ids", "datatype": "INT64", "shape": [-1, -1]}],
    "outputs": [{"name": "logits", "datatype": "FP32", "shape": [-1, 2]}],
}


def test_a_cascade_is_published_with_its_card_and_read_again_as_it_was(tmp_path: Path):
    card = tmp_path / "card.md"
    card.write_text("# Mood")
    published = publish(
        tmp_path / "models", "mood", {"card.md": card}, kind=CascadeManifest, task="text-classification",
        steps=(CascadeStep(**SMALL), CascadeStep(**LARGE)), card={"markdown": "card.md"}, **OF_THE_LAST,
    )  # fmt: skip
    repository = ModelRepository(tmp_path / "models")
    assert repository.read("mood", 1) == published
    assert json.loads((tmp_path / "models" / "mood" / "1" / "manifest.json").read_text())["runtime"] == "cascade"
    assert repository.verify(published).keys() == {"card.md"}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"steps": [SMALL]}, "at least 2 items"),
        ({"steps": [SMALL, LARGE | {"name": "small"}]}, "another one has this name"),
        ({"steps": [SMALL, LARGE | {"name": "queue"}]}, "names a stage of every request"),
        ({"steps": [SMALL, LARGE | {"model": "mood"}]}, "not the cascade itself"),
        ({"steps": [SMALL | {"enough": None}, LARGE]}, "small.enough: each step but the last says"),
        ({"steps": [SMALL, LARGE, LARGE | {"name": "last"}]}, "large.enough: each step but the last says"),
        ({"steps": [SMALL, LARGE | {"enough": 0.5}]}, "large.enough: the last step answers whatever is left"),
        ({"steps": [SMALL | {"enough": 0}, LARGE]}, "greater than 0"),
        ({"steps": [SMALL | {"enough": 1.01}, LARGE]}, "less than or equal to 1"),
        ({"steps": [SMALL | {"enough": "nan"}, LARGE]}, "enough"),
        ({"steps": [SMALL | {"inputs": {"text": "input.text"}}, LARGE]}, "Extra inputs are not permitted"),
        ({"steps": [SMALL, LARGE], "task": "pipeline"}, "a cascade has the task of its steps"),
        ({"steps": [SMALL, LARGE], "graphs": {"model": "model.onnx"}}, "at most 0 items"),
    ],
)
def test_steps_of_which_none_would_answer_an_item_or_all_of_them_are_no_cascade(fields, says, tmp_path: Path):
    fields = {"name": "mood", "version": 1, "task": "text-classification", "runtime": "cascade"} | fields
    with pytest.raises(ValidationError, match=says):
        CascadeManifest.model_validate(fields)
    folder = tmp_path / "mood" / "1"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(fields))
    with pytest.raises(InvalidArtifact, match=r"steps|task|graphs"):
        ModelRepository(tmp_path).read("mood", 1)
