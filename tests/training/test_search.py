"""Search of settings on the validation."""

from dataclasses import replace
from typing import Annotated

import pytest
from line_recipe import RECIPE as LINE

from training.build import build
from training.errors import TrainingError
from training.recipe import Recipe, Run, SettingsSearch
from training.search import searched
from training.settings import Between, Count, Rate, TrainingSettings


class Hill(TrainingSettings):
    height: Annotated[Rate, Between(0.01, 8, in_log=True)] = 5.0
    stones: Annotated[Count, Between(1, 40)] = 30
    name: str = "as it is"


def distance(goal: float, run: Run) -> float:
    here = run.chosen(Hill())
    if here.stones == 13:
        raise ValueError("thirteen stones")
    (run.workdir / "checkpoint").write_text("large")
    return abs(here.height - goal) + abs(here.stones - 10) / 10


RECIPE: Recipe[float] = replace(
    LINE, load=lambda run: 0.5, settings=Hill(), search=SettingsSearch(distance, "distance")
)


def test_the_usual_settings_are_tried_first_and_the_best_are_taken(tmp_path, capsys):
    run, table = searched(RECIPE, 0.5, Run(tmp_path, search=25))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "trial 0: distance 6.5 with height 5, stones 30"
    assert distance(0.5, replace(run, workdir=tmp_path)) < 2
    assert set(run.set) == {"height", "stones"}
    assert len(table.splitlines()) == 2 + sum(": distance" in line for line in lines)
    assert table.count("the best") == 1
    assert not list(tmp_path.glob("trial-*"))


def test_what_is_set_by_hand_stays(tmp_path):
    run, _ = searched(RECIPE, 0.5, Run(tmp_path, search=3, set={"stones": "20"}))
    assert run.set["stones"] == "20"
    with pytest.raises(TrainingError, match="all settings of line that it varies are set by hand"):
        searched(RECIPE, 0.5, Run(tmp_path, search=3, set={"stones": "20", "height": "1"}))


def test_a_resumed_search_goes_on_with_the_trials_that_it_has(tmp_path, capsys):
    searched(RECIPE, 0.5, Run(tmp_path, search=3))
    capsys.readouterr()
    searched(RECIPE, 0.5, Run(tmp_path, search=5, resume=True))
    tried = [line.partition(":")[0] for line in capsys.readouterr().err.splitlines() if " with " in line]
    assert tried == ["trial 3", "trial 4"]


def test_a_trial_that_fails_is_told_and_does_not_end_the_search(tmp_path, capsys):
    given = {"stones": "13"}
    with pytest.raises(TrainingError, match="none of the trials of line came to an end"):
        searched(RECIPE, 0.5, Run(tmp_path, search=2, set=given))
    assert "trial 1 failed with height" in capsys.readouterr().err


def test_a_recipe_without_a_validation_says_so(tmp_path):
    with pytest.raises(TrainingError, match="line measures nothing on a validation"):
        searched(LINE, 0.5, Run(tmp_path, search=2))


def test_what_was_found_makes_the_version_and_its_card_shows_the_trials(tmp_path):
    recipe = replace(RECIPE, load=LINE.load, search=SettingsSearch(lambda _, run: distance(0.5, run), "distance"))
    (tmp_path / "work").mkdir()
    manifest = build(recipe, Run(tmp_path / "work", search=3), tmp_path / "models")
    card = (tmp_path / "models" / "line" / "1" / "card.md").read_text()
    assert "## Settings that were tried, and what each gave on the validation" in card
    assert f"--set height={manifest.provenance.settings['height']:g}" in manifest.provenance.command
    assert "--search" not in manifest.provenance.command
