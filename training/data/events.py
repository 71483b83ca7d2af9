"""Events to learn and to be judged on: those of MovieLens, or one's own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.repository.manifest import Source
from training.data.event_log import EventLog, Group, History, leave_last_out
from training.data.movielens import SOURCE, SPLIT, load_movielens
from training.data.own.events import FETCHED, own_events
from training.data.own.source import given
from training.data.own.stored_events import are_stored, stored_events
from training.recipe import Run

RECOMMENDER = "movielens-recommender"
MOST_JUDGED = 5_000  # people or events; the scores of all items for each, by all methods, must fit into memory


@dataclass(frozen=True, slots=True)
class Events:
    """A log of histories, and its name where figures are told."""

    log: EventLog
    source: Source
    dataset: str
    split: str
    licence: str
    before_the_last: str
    remarks: Sequence[str] = ()

    @property
    def are_own(self) -> bool:
        return self.source is not SOURCE

    @property
    def num_items(self) -> int:
        return len(self.log.catalogue) - 1  # the first is padding

    def questions(self) -> tuple[list[History], list[History], list[int]]:
        """Return the events to learn from, the histories that are asked about, and what followed each of these."""
        if test := self.log.test:
            chosen = judged(len(test))
            return list(self.log.histories), [test[i][0] for i in chosen], [test[i][1] for i in chosen]
        past, last = leave_last_out(self.log.histories)
        chosen = judged(len(past))
        return past, [past[i] for i in chosen], [last[i] for i in chosen]

    def kinds(self) -> dict[str, Group]:
        """The kinds of people that are asked about."""
        chosen = list(judged(len(self.log.histories)))
        return {name: group[chosen] for name, group in self.log.groups.items()}


def load_events(run: Run) -> Events:
    """The packaged events, or those of `run.source`. Raises TrainingError."""
    if not run.source:
        return Events(
            load_movielens(),
            source=SOURCE,
            dataset="MovieLens-100k",
            split=SPLIT,
            licence="research use only, after the GroupLens terms of the data",
            before_the_last="rated before their last film",
        )
    if are_stored(run.source):
        log, source, remarks = stored_events(run.source, run.name or RECOMMENDER, run.models)
    else:
        found = given(run.source, "dataset", FETCHED)
        log, files, remarks = own_events(found.folder)
        source = found.source(files, "training and evaluation")
    num_judged = len(judged(count := len(log.test) or len(log.histories)))
    drawn = f", drawn by chance from {count:,}" if num_judged < count else ""
    what = (
        f"{num_judged:,} events of the given test" if log.test else f"the last event of each of {num_judged:,} people"
    )
    return Events(
        log,
        source=source,
        dataset=source.name,
        split=f"{what}{drawn}, ranked among all items new to them",
        licence=source.licence,
        before_the_last="had before the test" if log.test else "had before their last event",
        remarks=remarks,
    )


def judged(count: int) -> Sequence[int]:
    """All of `count` people or events, or MOST_JUDGED of them, drawn by chance and each time the same."""
    if count <= MOST_JUDGED:
        return range(count)
    return sorted(np.random.default_rng(0).choice(count, MOST_JUDGED, replace=False).tolist())
