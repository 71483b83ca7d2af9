"""SASRec and EASE, learned from the same histories, as one recommender."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field

from training.data.event_log import MAX_HISTORY, History, leave_last_out
from training.data.events import Events, judged
from training.loop.fit import LearningCurve
from training.loop.next_event import NextEventSettings, fit_next_event, one_thread, score
from training.measures.ranking import TOP, hit_rate, target_ranks
from training.networks.blend import Blend
from training.networks.ease import ease_weights
from training.networks.sasrec import SASRec
from training.recipe import Run
from training.settings import Between


class RecommenderSettings(NextEventSettings):
    """`ease_recency`: an event counts beside the one after it; `ease_penalty`: how strongly EASE is held back;
    `ease_share`: of it beside SASRec's log-probabilities. Chosen on the last but one event.
    """

    ease_recency: Annotated[float, Field(gt=0, le=1), Between(0.85, 1)] = 0.95
    ease_penalty: Annotated[float, Field(gt=0, le=1e6), Between(50, 2000, in_log=True)] = 400.0
    ease_share: Annotated[float, Field(ge=0, le=1e6), Between(4, 64, in_log=True)] = 24.0


SETTINGS = RecommenderSettings()
TINY = RecommenderSettings(epochs=1)


def blended(histories: Sequence[History], num_items: int, run: Run) -> tuple[SASRec, Blend, LearningCurve]:
    settings = run.chosen(SETTINGS, TINY)
    sasrec, curve = learn(histories, num_items, run, settings)
    ease = ease_weights(histories, num_items, settings.ease_penalty)
    return sasrec, Blend(sasrec, ease, MAX_HISTORY, settings.ease_recency, settings.ease_share).eval(), curve


def before_the_last(events: Events, run: Run) -> float:
    """The hit rate of what nothing else judges: the last of the events to learn from."""
    known = [history for history in events.questions()[0] if len(history) > 1]
    past, targets = leave_last_out(known)
    _, network, _ = blended(past, events.num_items, run)
    chosen = judged(len(past))
    asked = [past[i] for i in chosen]
    return hit_rate(target_ranks(score(network, asked), asked, [targets[i] for i in chosen]), TOP)


@one_thread()
def learn(
    histories: Sequence[History], num_items: int, run: Run, settings: NextEventSettings
) -> tuple[SASRec, LearningCurve]:
    """Predict every event of each window from those before it."""
    torch.manual_seed(run.seed)
    network = SASRec(num_items, MAX_HISTORY)
    return network, fit_next_event(network, histories, run, settings)
