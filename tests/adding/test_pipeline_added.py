import json
import re
from pathlib import Path

import pytest
from graphs import publish_features, publish_head

from app.__main__ import main
from app.adding.pipeline import add_pipeline
from app.errors import InvalidArtifact, InvalidInput
from app.repository.repository import ModelRepository

SEES = {"name": "sees", "model": "photo-features"}
SAYS = {"name": "says", "model": "head", "inputs": {"features": "sees"}}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    publish_features(root, tmp_path)
    publish_head(root, tmp_path)
    publish_head(root, tmp_path)
    return root


def steps_file(folder: Path, *steps: dict, **fields: object) -> Path:
    file = folder / "steps.json"
    file.write_text(json.dumps({"steps": steps or [SEES, SAYS], **fields}))
    return file


def test_steps_become_a_model_that_is_pinned_to_what_answered_its_example(models: Path, tmp_path: Path):
    manifest = add_pipeline(steps_file(tmp_path, description="How red a photo is."), "quality", models)
    assert manifest == ModelRepository(models).read("quality", 1)
    assert [(step.model, step.version, step.task) for step in manifest.steps] == [
        ("photo-features", 1, "image-feature-extraction"),
        ("head", 2, "tensors"),
    ]
    (scores,) = manifest.golden[0].output.values()
    assert len(scores) == 2
    assert min(scores) > 0
    assert sorted(path.name for path in models.iterdir()) == ["head", "photo-features", "quality"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"steps": [SEES, SAYS | {"model": "nobody"}]}, "no model nobody; there are: head, photo-features"),
        ({"steps": [SEES, SAYS | {"model": "../head"}]}, r"no model \.\./head"),
        ({"steps": [SEES, SAYS | {"version": 3}]}, "no model head version 3"),
        ({"steps": [SEES]}, "steps: List should have at least 2"),
        ({"steps": [SEES, SAYS | {"colour": 1}]}, "step says: colour: Extra"),
        ({"steps": [SEES, SAYS | {"inputs": {"features": "nobody"}}]}, "begins with none of"),
        ({"steps": [SEES, SAYS | {"inputs": {"colours": "sees"}}]}, "the example is not answered: step says"),
        ({"steps": [SEES, SAYS | {"view": "explanation"}]}, "does not answer"),
        ({"example": "no picture"}, "example: "),
        ({"example": "AAAA"}, "the example is not answered: .*image"),
    ],
)
def test_what_could_not_be_served_is_not_published(models: Path, tmp_path: Path, fields, says: str):
    with pytest.raises(InvalidArtifact) as found:
        add_pipeline(steps_file(tmp_path, **fields), "quality", models)
    assert re.search(says, str(found.value)), found.value
    assert not (models / "quality").exists()


def test_bad_names_and_files_are_refused(models: Path, tmp_path: Path):
    with pytest.raises(InvalidInput, match="is not a model's name"):
        add_pipeline(steps_file(tmp_path), "Quality", models)
    with pytest.raises(InvalidArtifact, match=r"gone\.json cannot be read"):
        add_pipeline(tmp_path / "gone.json", "quality", models)
    (tmp_path / "bad.json").write_text("[")
    with pytest.raises(InvalidArtifact, match=r"bad\.json: Invalid JSON"):
        add_pipeline(tmp_path / "bad.json", "quality", models)


def test_the_command_says_what_it_has_pinned(models: Path, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("TESSERA_MODELS_DIR", str(models))
    assert main(["models", "add", str(steps_file(tmp_path)), "--name", "quality"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "published quality version 1",
        "  sees: photo-features version 1, image-feature-extraction",
        "  says: head version 2, tensors",
    ]


PAINTS = {"name": "paints", "model": "fashion-gan"}


@pytest.mark.parametrize(
    ("inputs", "limits"),
    [
        ({"class": "paints.class", "seed": "paints.seed"}, ()),
        ({"class": "paints.class"}, ("Has no golden example: it gives another answer each time.",)),
    ],
    ids=["seed", "chance"],
)
def test_what_is_answered_otherwise_each_time_is_no_golden_example(tmp_path: Path, inputs, limits):
    models = tmp_path / "models"
    models.mkdir()
    (models / "fashion-gan").symlink_to(Path(__file__).parents[2] / "models" / "fashion-gan")
    steps = steps_file(tmp_path, PAINTS, {**PAINTS, "name": "again", "inputs": inputs}, example={"seed": 7})
    manifest = add_pipeline(steps, "again", models)
    assert manifest.limits == limits
    assert len(manifest.golden) == 1 - len(limits)


def test_the_first_field_of_an_example_may_be_given_bare_by_its_name_in_json(tmp_path: Path):
    models = tmp_path / "models"
    models.mkdir()
    (models / "fashion-gan").symlink_to(Path(__file__).parents[2] / "models" / "fashion-gan")
    again = {**PAINTS, "name": "again", "inputs": {"class": "paints.class", "seed": "paints.seed"}}
    assert add_pipeline(steps_file(tmp_path, PAINTS, again, example="sneaker"), "again", models).limits
