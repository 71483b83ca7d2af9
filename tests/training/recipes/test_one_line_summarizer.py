"""The recipe of one line for a description, on a few descriptions that were made up."""

from pathlib import Path

import pytest

from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.loading import load
from app.tasks.own_words import SummaryInOwnWords
from training.baselines.one_sentence import EXTRACTIVE, LEAD, lead
from training.build import build
from training.data.software_lines import Described, SoftwareLines
from training.recipe import Recipe, Run
from training.recipes import one_line_summarizer
from training.recipes.one_line_summarizer import RECIPE, figures, make

THINGS = ["disk", "map", "tide", "file", "folder", "page", "sound", "clock", "letter", "table"]
PAIRS = [
    Described(f"This is a program that reads the {one} and the {other} of a town.", f"reads the {one} of a town")
    for one in THINGS
    for other in THINGS
    if one != other
]
LINES = SoftwareLines(PAIRS[:60], PAIRS[60:66], PAIRS[66:78], {"read": 90})


def test_a_network_that_has_learned_little_is_published_and_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_line_summarizer, "ways", lambda train, workdir: {LEAD: lead, EXTRACTIVE: lead})
    (tmp_path / "work").mkdir()
    recipe = Recipe(name="lines", task=RECIPE.task, load=lambda run: LINES, make=make)
    manifest = build(recipe, Run(tmp_path / "work", tiny=True, publish_anyway=True), tmp_path / "models")
    assert manifest.config["context"] == 256
    assert len(manifest.golden) == 3
    names = {metric.name for metric in manifest.metrics}
    assert names >= {*RECIPE.must_reach, "rouge1", "rougeL_high", "validation_rouge2", "unsupported_per_100"}
    repository = ModelRepository(tmp_path / "models")
    loaded = load(manifest, lambda: repository.verify(manifest), RuntimeOptions(device="cpu", threads=1))
    assert isinstance(loaded.views[0], SummaryInOwnWords)
    assert loaded.stepping is not None
    card = (tmp_path / "models" / "lines" / "1" / "card.md").read_text()
    assert card.count("This is a program that reads the") == 10  # drawn by a seed


def test_figures_stand_beside_those_of_other_ways() -> None:
    pairs = PAIRS[:8]
    found = {
        one.name: one
        for one in figures(
            [one.line for one in pairs],
            {LEAD: [lead(one.text) for one in pairs], EXTRACTIVE: [""] * 8},
            pairs,
            "validation",
        )
    }
    assert found["validation_rouge1"].value == 1
    assert 0 < found["validation_rouge1"].baselines[LEAD] < 1
    assert found["validation_rouge1"].baselines[EXTRACTIVE] == 0
    assert found["validation_gain_over_extractive"].value == 1
    assert found["validation_unsupported_per_100"].value == 0
