import json
import re
from pathlib import Path
from typing import Any

import pytest
from cascades import SURE, publish_models, publish_mood
from graphs import publish_head

from app.__main__ import main
from app.adding.steps_file import add_steps
from app.errors import InvalidArtifact, InvalidInput
from app.repository.cascade import CascadeManifest
from app.repository.manifest import Golden
from app.repository.repository import ModelRepository

SMALL: dict[str, Any] = {"name": "small", "model": "mood-small", "enough": 0.95}
LARGE: dict[str, Any] = {"name": "large", "model": "mood-large"}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    publish_models(tmp_path / "models", tmp_path)
    publish_mood(tmp_path / "models", tmp_path, "mood-small")
    return tmp_path / "models"


def steps_file(folder: Path, *steps: dict[str, Any], **fields: object) -> Path:
    file = folder / "steps.json"
    file.write_text(json.dumps({"steps": steps or [SMALL, LARGE], **fields}))
    return file


def test_steps_with_a_confidence_that_is_enough_become_a_cascade(models: Path, tmp_path: Path):
    manifest = add_steps(steps_file(tmp_path, description="What mood a text is in.", example=SURE), "mood", models)
    assert isinstance(manifest, CascadeManifest)
    assert manifest == ModelRepository(models).read("mood", 1)
    assert [(step.model, step.version, step.enough) for step in manifest.steps] == [
        ("mood-small", 2, 0.95),
        ("mood-large", 1, None),
    ]
    last = ModelRepository(models).read("mood-large", 1)
    for field in ("task", "config", "inputs", "outputs"):
        assert getattr(manifest, field) == getattr(last, field)
    (golden,) = manifest.golden
    assert golden.input == {"text": SURE}
    assert golden.output[0]["label"] == "positive"
    assert sorted(path.name for path in models.iterdir()) == ["mood", "mood-large", "mood-small"]


def test_its_example_is_that_of_the_last_step_if_nobody_says_another(models: Path, tmp_path: Path):
    output = [{"label": "negative", "score": 0.98201}, {"label": "positive", "score": 0.01799}]
    publish_mood(models, tmp_path, "mood-large", -2.0, golden=(Golden(input={"text": "good a"}, output=output),))
    (golden,) = add_steps(steps_file(tmp_path), "mood", models).golden
    assert golden.input == {"text": "good a"}


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([SMALL, LARGE | {"model": "nobody"}], "step large: there is no model nobody; there are: head, mood-large"),
        ([SMALL | {"version": 3}, LARGE], "step small: there is no model mood-small version 3"),
        ([SMALL], "steps: List should have at least 2"),
        ([SMALL | {"enough": 0}, LARGE], "step small: enough: Input should be greater than 0"),
        ([SMALL | {"enough": 97}, LARGE], "step small: enough: Input should be less than or equal to 1"),
        ([SMALL | {"view": "explanation"}, LARGE], "step small: view: Extra"),
        ([SMALL, LARGE | {"inputs": {"text": "small.0.label"}}], "step large: inputs: Extra"),
        ([SMALL, LARGE | {"enough": 0.5}], r"steps\.large\.enough: the last step answers whatever is left"),
        ([SMALL, SMALL | {"name": "middle", "enough": None}, LARGE], r"steps\.middle\.enough: each step but the last"),
        ([SMALL | {"name": "Small one"}, LARGE], "step Small one: name: String should match"),
        ([SMALL, LARGE | {"model": "head"}], "step small: mood-small is a model for text-.*, and head, the last, "),
        ([SMALL | {"model": "swapped"}, LARGE], "step small: swapped has not the classes of mood-large in the same"),
        ([{**SMALL, "name": None}, LARGE], r"steps\.0\.name: Input should be a valid string"),
        ([7, SMALL], r"each step|steps\.0"),
    ],
)  # fmt: skip
def test_what_could_not_be_served_is_not_published(models: Path, tmp_path: Path, steps, says: str):
    publish_head(models, tmp_path)
    config = {"tokenizer": "tokenizer.json", "max_tokens": 16, "labels": ["positive", "negative"]}
    publish_mood(models, tmp_path, "swapped", config=config)
    with pytest.raises(InvalidArtifact) as found:
        add_steps(steps_file(tmp_path, *steps), "mood", models)
    assert re.search(says, str(found.value)), found.value
    assert not (models / "mood").exists()


def test_a_cascade_is_no_step_of_another_and_bad_names_are_refused(models: Path, tmp_path: Path):
    add_steps(steps_file(tmp_path), "mood", models)
    steps = steps_file(tmp_path, SMALL, LARGE | {"model": "mood"})
    with pytest.raises(InvalidArtifact, match="step large: mood is a cascade, and a step has graphs of its own"):
        add_steps(steps, "other", models)
    with pytest.raises(InvalidInput, match="is not a model's name"):
        add_steps(steps, "Other", models)


def test_the_command_says_what_it_has_pinned(models: Path, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("TESSERA_MODELS_DIR", str(models))
    assert main(["models", "add", str(steps_file(tmp_path)), "--name", "mood"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "published mood version 1",
        "  small: mood-small version 2, where it is 0.95 sure, or more",
        "  large: mood-large version 1, for the rest",
    ]
