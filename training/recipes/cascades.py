"""A cascade of two published classifiers: the small one answers what it is sure enough of, the large one the rest.

Nothing is trained. Which confidence is enough is chosen on the validation for a stated loss of accuracy, and judged
once on the test.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from app.repository.cascade import CASCADE, CascadeStep
from app.repository.manifest import Metric, Source
from training.card.cascades import answered_table
from training.card.intervals import HEADING
from training.card.prose import Prose
from training.errors import TrainingError, progress
from training.graphs.published import OpenedVersion, open_published
from training.measures.cascade import choose
from training.recipe import CascadeDraft, Draft, Example, Exported, Recipe, Run
from training.recipes.cascade_figures import costs, plotted, sureness, thresholds
from training.recipes.two_models import JudgedSplit, Questions, TwoModels, judged, timed
from training.settings import TrainingSettings

PROSE = Prose(__name__)
SMALL, LARGE = "small", "large"
TOLERANCE = 0.05  # of a probability: int8 kernels differ between processors
# With less of the large model's time saved a cascade is not worth its two models. One that clearly loses more than was
# said was chosen on too little.
WORTH = {"time_saved": 0.05, "within_stated_loss": 1.0}


class CascadeSettings(TrainingSettings):
    """`loss`: of accuracy, which the cascade may lose on the validation against the large model alone."""

    loss: Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)] = 0.002


SETTINGS = CascadeSettings()


@dataclass(frozen=True, slots=True)
class CascadeKind:
    """All that is particular to one cascade. `accuracy` names what its threshold was chosen by; `dataset` what it saw.

    `figures` gives more metrics and sections of the judged test, from its threshold.
    """

    name: str
    task: str
    small: str
    large: str
    accuracy: str
    dataset: str
    description: str
    notes: str
    questions: Callable[[Run], tuple[Questions, Questions, Sequence[Source]]]
    figures: Callable[[TwoModels, JudgedSplit, float, Run], tuple[Sequence[Metric], Mapping[str, str]]]
    examples: Callable[[Run], Sequence[Any]]
    limits: Sequence[str] = ()


def cascade_recipe(kind: CascadeKind) -> Recipe[TwoModels]:
    return Recipe(
        name=kind.name,
        task=kind.task,
        load=partial(load, kind),
        make=partial(make, kind),
        must_reach=WORTH,
        settings=SETTINGS,
    )


def load(kind: CascadeKind, run: Run) -> TwoModels:
    """Raises TrainingError if one of the models is not there, or if they have other labels."""
    small, large = (open_published(run.models, name) for name in (kind.small, kind.large))
    if small.labels != large.labels:
        raise TrainingError(f"{small.title}, and {large.title}, have other labels, so neither can answer for the other")
    progress(f"{small.title}, is asked before {large.title}")
    validation, test, sources = kind.questions(run)
    return TwoModels(small, large, validation, test, sources)


def make(kind: CascadeKind, known: TwoModels, run: Run) -> Draft:
    loss = run.chosen(SETTINGS).loss
    progress(f"asking both models {len(known.validation.items):,} questions of the validation")
    validation = judged(known, known.validation)
    chosen = choose(validation.asked, loss)
    enough = 1.0 if chosen is None else chosen
    seconds = timed(known, 1) if run.tiny else timed(known)
    progress(f"from a confidence of {enough:.4f} on the small model answers; asking both the test")
    test = judged(known, known.test)
    metrics, sections = kind.figures(known, test, enough, run)
    large = known.large.manifest
    step = CascadeStep(name=SMALL, model=kind.small, version=known.small.manifest.version, enough=enough)
    steps = [step, CascadeStep(name=LARGE, model=kind.large, version=large.version)]
    return Draft(
        description=kind.description,
        licence=large.licence,
        files={},
        graphs={},
        config=large.config,
        exported=Exported(next(iter(known.large.files.values())), large.inputs, large.outputs, None),
        metrics=[*metrics, *costs(test, enough, loss, seconds, kind.accuracy, kind.dataset)],
        sources=[*map(source, (known.small, known.large)), *known.sources],
        examples=certain(known, enough, kind.examples(run)),
        runtime=CASCADE,
        precision=large.precision,
        limits=[*PROSE.items("Limits"), *kind.limits, *large.limits],
        notes=kind.notes,
        plots=plotted(validation, test, chosen, seconds, run),
        sections={
            "What each threshold costs and loses": thresholds(validation, test, chosen, loss, seconds),
            HEADING: sureness(kind.accuracy, test, enough),
            "Who answers": answered_table(test.asked, enough, test.kinds),
            **sections,
        },
        cascade=CascadeDraft(steps, partial(answer, known, enough)),
    )


def answer(known: TwoModels, enough: float, item: Any, parameters: Mapping[str, Any]) -> Any:
    """As the service does: the small model's answer if that is sure enough."""
    sure = known.small.confidence(item, parameters)
    who = known.small if sure is not None and sure >= enough else known.large
    return who.answer(item, parameters)


def certain(known: TwoModels, enough: float, items: Sequence[Any]) -> list[Example]:
    """Those of which no tolerated difference changes who answers, each with the labels whose order none changes."""
    small, large = known.small.answers(items), known.large.answers(items)
    examples = []
    for i, item in enumerate(items):
        sure = small.confidence[i]
        if abs(sure - enough) <= min(TOLERANCE, 1 - enough) / 2:
            continue
        scores = np.sort((small if sure >= enough else large).scores[i])[::-1][:4]
        gaps = [better - worse for better, worse in pairwise(scores.tolist())]
        num_certain = next((place for place, gap in enumerate(gaps) if gap <= 2 * TOLERANCE), len(gaps))
        if num_certain:
            examples.append(Example(item, {"top_k": num_certain}, TOLERANCE))
    return examples


def source(part: OpenedVersion) -> Source:
    manifest = part.manifest
    graph = manifest.files[next(iter(manifest.graphs.values()))]
    used = "asked by the cascade, which holds none of its files"
    return Source(
        name=part.title, version=str(manifest.version), licence=manifest.licence, sha256=graph.sha256, used_for=used
    )
