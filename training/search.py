"""Search for settings of a training by what they give on the validation, before anything is read of the test."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from training.card.markdown import figure, table
from training.errors import TrainingError, progress
from training.recipe import Data, Recipe, Run
from training.settings import Between, TrainingSettings

if TYPE_CHECKING:
    from optuna import Study, Trial

HEADING = "Settings that were tried, and what each gave on the validation"
STUDY = "search.db"  # in the working folder: a resumed search goes on with the trials that it has
GIVEN = "given"
FAILURES = (TrainingError, ValueError, RuntimeError)  # of a trial, such as a loss that became infinite


def searched(recipe: Recipe[Data], data: Data, run: Run) -> tuple[Run, str]:
    """The run with the best settings of `run.search` trials, and a table of all trials, as Markdown.

    What is set by hand stays, and the usual settings are the first trial; optuna proposes the others (Parzen
    estimators: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", 2011). Raises TrainingError if the
    recipe cannot be searched, optuna is not there, or all trials failed.
    """
    if not (recipe.search and recipe.settings):
        raise TrainingError(f"{recipe.name} measures nothing on a validation by which to search: leave out --search")
    wanted = recipe.search
    usual = run.chosen(recipe.settings, recipe.tiny)
    ranges = {name: one for name, one in ranges_of(usual).items() if name not in run.set}
    if not ranges:
        raise TrainingError(f"--search: all settings of {recipe.name} that it varies are set by hand")

    def attempt(trial: "Trial") -> float:
        given = {name: proposed(trial, name, one, getattr(usual, name)) for name, one in ranges.items()}
        trial.set_user_attr(GIVEN, given)
        folder = run.workdir / f"trial-{trial.number}"
        folder.mkdir(exist_ok=True)
        try:
            value = wanted.figure(data, replace(run, workdir=folder, set={**run.set, **given}, resume=False))
        except FAILURES as error:
            progress(f"trial {trial.number} failed with {said(given)}: {error}")
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        progress(f"trial {trial.number}: {wanted.of} {figure(value)} with {said(given)}")
        return value

    study = study_of(recipe.name, wanted.better == "less", run)
    if not study.trials:
        study.enqueue_trial({name: getattr(usual, name) for name in ranges})
    study.optimize(attempt, max(0, run.search - len(finished(study))), catch=FAILURES)
    if not finished(study):
        raise TrainingError(f"none of the trials of {recipe.name} came to an end")
    best = study.best_trial
    progress(f"trial {best.number} is the best: {said(best.user_attrs[GIVEN])}")
    rows = [
        ("the best" if one.number == best.number else "", figure(one.value), said(one.user_attrs[GIVEN]))
        for one in finished(study)
    ]
    return replace(run, set={**run.set, **best.user_attrs[GIVEN]}), table(("", wanted.of, "settings"), rows)


def ranges_of(settings: TrainingSettings) -> dict[str, Between]:
    fields = type(settings).model_fields.items()
    return {name: one for name, field in fields for one in field.metadata if isinstance(one, Between)}


def proposed(trial: "Trial", name: str, between: Between, usual: float) -> str:
    """As a text of three digits, so that the settings on the card make the same model again."""
    if isinstance(usual, int):
        return str(trial.suggest_int(name, round(between.low), round(between.high), log=between.in_log))
    return f"{trial.suggest_float(name, between.low, between.high, log=between.in_log):.3g}"


def study_of(name: str, is_less_better: bool, run: Run) -> "Study":
    try:
        import optuna
    except ImportError as error:
        raise TrainingError("--search needs optuna: .venv/bin/pip install -e '.[search]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        storage=f"sqlite:///{run.workdir / STUDY}",
        study_name=name,
        direction="minimize" if is_less_better else "maximize",
        sampler=optuna.samplers.TPESampler(seed=run.seed),
        load_if_exists=True,
    )


def finished(study: "Study") -> list[Any]:
    """Trials that have a figure, in the order of time."""
    return [trial for trial in study.trials if trial.state.name == "COMPLETE"]


def said(given: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in given.items())
