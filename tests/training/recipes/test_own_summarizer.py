"""A user's own T5 that writes summaries, out of a folder."""

from pathlib import Path

import pytest
from own_sequence_folders import save_sequence_model

from app.tasks.own_words import SummaryInOwnWords
from training.build import open_view
from training.errors import TrainingError
from training.recipe import Run
from training.recipes.own_summarizer import RECIPE, load, make


def run_of(folder: Path, **given: str) -> Run:
    (folder / "work").mkdir(exist_ok=True)
    return Run(folder / "work", tiny=True, source=str(save_sequence_model(folder / "t5", "t5")), **given)


def test_a_t5_in_a_folder_becomes_a_summarizer_with_its_prefix(tmp_path: Path) -> None:
    run = run_of(tmp_path, prefix="summarize: ")
    draft = make(load(run), run)
    view = open_view(RECIPE.task, draft)
    assert isinstance(view, SummaryInOwnWords)
    assert view.kernel.ids("A ferry.")[:11] == view.kernel.ids("")[:11]
    assert draft.config["prefix"] == "summarize: "
    assert draft.metrics[0].value == 1
    assert RECIPE.takes_source


def test_languages_would_have_no_effect(tmp_path: Path) -> None:
    run = run_of(tmp_path, languages="en,de")
    with pytest.raises(TrainingError, match="leave out --languages"):
        make(load(run), run)
