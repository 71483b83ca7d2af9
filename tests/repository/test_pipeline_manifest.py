import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.errors import InvalidArtifact
from app.repository.pipeline import PipelineManifest, Step
from app.repository.publish import publish
from app.repository.repository import ModelRepository

SEES = {"name": "sees", "model": "photo-features", "version": 1, "task": "image-feature-extraction"}
SAYS = {"name": "says", "model": "head", "version": 2, "task": "tensors", "inputs": {"features": "sees"}}


def manifest(*steps: dict) -> PipelineManifest:
    return PipelineManifest.model_validate({"name": "quality", "version": 1, "steps": steps})


def test_a_pipeline_is_published_and_read_again_as_it_was(tmp_path: Path):
    published = publish(tmp_path, "quality", {}, kind=PipelineManifest, steps=(Step(**SEES), Step(**SAYS)))
    assert ModelRepository(tmp_path).read("quality", 1) == published
    assert json.loads((tmp_path / "quality" / "1" / "manifest.json").read_text())["task"] == "pipeline"
    assert ModelRepository(tmp_path).verify(published) == {}


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([SEES], "at least 2 items"),
        ([SEES] * 17, "at most 16 items"),
        ([SEES, SAYS | {"name": "sees"}], "another one has this name"),
        ([SEES, SAYS | {"name": "input"}], "another one has this name"),
        ([SEES, SAYS | {"name": "queue"}], "names a stage of every request"),
        ([SEES, SAYS | {"inputs": {}}], "each step but the first says"),
        ([SEES | {"inputs": {"image": "input.image"}}, SAYS], "each step but the first says"),
        ([SEES, SAYS | {"inputs": {"features": "says"}}], "'says' begins with none of: input, sees"),
        ([SEES, SAYS | {"inputs": {"features": "sees."}}], "begins with none of"),
        ([SEES, SAYS | {"inputs": {"features": ""}}], "begins with none of"),
        ([SEES, SAYS | {"inputs": {"features": ["sees", "says"]}}], "'says' begins with none of: input, sees"),
        ([SEES, SAYS | {"inputs": {"features": []}}], "must be a reference, or a list of references"),
        ([SEES, SAYS | {"inputs": {"features": 1}}], "must be a reference, or a list of references"),
        ([SEES, SAYS | {"model": "quality"}], "a step is another model, not the pipeline itself"),
        ([SEES, SAYS | {"task": "pipeline"}], "a step is a model, not a pipeline"),
        ([SEES, SAYS | {"version": 0}], "greater than 0"),
        ([SEES, SAYS | {"name": "Says, it"}], "should match pattern"),
        ([SEES, {name: value for name, value in SAYS.items() if name != "version"}], "Field required"),
    ],
)
def test_steps_that_cannot_follow_one_another_are_no_pipeline(steps, says, tmp_path: Path):
    with pytest.raises(ValidationError, match=says):
        manifest(*steps)
    folder = tmp_path / "quality" / "1"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(
        json.dumps({"name": "quality", "version": 1, "task": "pipeline", "steps": steps})
    )
    with pytest.raises(InvalidArtifact, match="steps"):
        ModelRepository(tmp_path).read("quality", 1)
