"""The common part of recommenders: what a person had so far to the next item, judged on what came next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from app.repository.manifest import Batching, Metric
from app.tasks.catalogue import CATALOGUE, CatalogueItem
from app.tensors import Array
from training.baselines.neighbours import FADING, neighbour_scores, popularity
from training.baselines.table import kept_table
from training.card.groups import whom_and_what
from training.card.intervals import HEADING, intervals_table
from training.card.prose import Prose
from training.data.event_log import MAX_HISTORY, leave_last_out
from training.data.events import RECOMMENDER, Events
from training.data.movielens import SOURCE, SPLIT
from training.errors import say
from training.measures.groups import Ranks
from training.measures.intervals import Figure
from training.measures.ranking import TOP, gains, hit_rate, hits, ndcg, target_ranks
from training.recipe import Draft, Example, Exported, HeldOut, Run, sampled

PROSE = Prose(__name__)
NAME = RECOMMENDER
EXPLAINED_PEOPLE = 60  # on whom explanations are judged

# Recommended items that score almost alike may change places on another processor; three of them do not.
SCIENCE_FICTION = ["Alien (1979)", "Blade Runner (1982)", "Terminator, The (1984)", "Aliens (1986)", "Star Wars (1977)"]
CHILDRENS_FILMS = ["Toy Story (1995)", "Lion King, The (1994)", "Aladdin (1992)", "Beauty and the Beast (1991)"]


@dataclass(frozen=True, slots=True)
class Recommender:
    """A method that was learned, its `graph`, and its scores [asked, items + 1].

    `parts` are scores of parts of it, by name; `remark` is for the card.
    """

    method: str
    graph: Exported
    scores: Array
    parts: Mapping[str, Array] = field(default_factory=dict)
    plots: Mapping[str, Path] = field(default_factory=dict)
    remark: str = ""
    made_with: str = "torch"


def draft(events: Events, recommender: Recommender, run: Run) -> Draft:
    """Judge on each person's last event, of at most MOST_JUDGED people."""
    past, asked, targets = events.questions()
    num_items, ours = events.num_items, recommender.method
    counts = popularity(past, num_items)
    scores = {ours: recommender.scores, **recommender.parts, **neighbour_scores(past, asked, num_items)}
    # These take longer than the network itself: measured once, kept in the repository.
    slow = None if events.are_own else kept_table(NAME, data_sha256=SOURCE.sha256, split=SPLIT)
    ranks = {name: target_ranks(found, asked, targets) for name, found in scores.items()}
    whose = "own events" if events.are_own else "MovieLens"
    what = "item from the last fifty" if events.are_own else "film from the last fifty rated ones"
    notes = PROSE.text(
        f"Notes of {whose}",
        fading=FADING,
        name=NAME,
        asked=f"{len(asked):,} {'events' if events.log.test else 'people'}",
        error=f"{0.5 / len(asked) ** 0.5:.3f}",
    )
    return Draft(
        description=f"Recommends the next {what}: {ours} on {events.dataset}.",
        licence=events.licence,
        files={
            "model.onnx": recommender.graph.path,
            "items.json": write_catalogue(events.log.catalogue, counts, run.workdir),
        },
        graphs={"model": "model.onnx"},
        config={"catalogue": "items.json", "max_history": MAX_HISTORY},
        exported=recommender.graph,
        batching=Batching(max_batch_size=128),
        metrics=[
            Metric(
                name=name,
                value=measure(ranks[ours], TOP),
                dataset=events.dataset,
                split=events.split,
                baselines={
                    **{other: measure(found, TOP) for other, found in ranks.items() if other != ours},
                    **(slow.of(name) if slow else {}),
                },
            )
            for name, measure in (("hr@10", hit_rate), ("ndcg@10", ndcg))
        ],
        sources=[events.source],
        plots=recommender.plots,
        sections={HEADING: sureness(ranks, ours)}
        | whom_and_what(
            events.kinds(),
            asked,
            targets,
            counts,
            scores,
            ranks,
            TOP,
        ),
        examples=examples(events),
        limits=PROSE.items(f"Limits of {whose}", count=f"{num_items:,}"),
        notes=" ".join(one for one in (recommender.remark, notes, say(events.remarks)) if one),
        made_with=recommender.made_with,
        has_own_data=events.are_own,
    )


def examples(events: Events) -> list[Example]:
    """Films, or the most popular items of one's own: by id, since a title may name two."""
    if not events.are_own:
        return [Example({"history": films}, {"top_k": 3}, 1e-3) for films in (SCIENCE_FICTION, CHILDRENS_FILMS, [])]
    popular = np.argsort(-popularity(events.log.histories, events.num_items)[1:], kind="stable")[:5] + 1
    ids = [events.log.catalogue[index].id for index in popular]
    # Only the first, since the next ones may score almost alike.
    of_popular = [Example({"history": history}, {"top_k": 1}, 1e-3) for history in (ids, ids[:1])]
    return [*of_popular, Example({"history": []}, {"top_k": 3}, 1e-3)]


def sureness(ranks: Mapping[str, Ranks], ours: str) -> str:
    """Markdown: the figures with their intervals, and the lead over the best of the other methods."""
    return intervals_table(
        [
            Figure(name, of_each(ranks[ours], TOP), {n: of_each(r, TOP) for n, r in ranks.items() if n != ours})
            for name, of_each in ((f"hr@{TOP}", hits), (f"ndcg@{TOP}", gains))
        ]
    )


def held_out(events: Events, run: Run) -> HeldOut:
    """Histories of some people, without the last event, on which explanations are judged."""
    return asked(events, past(events)[: 2 if run.tiny else EXPLAINED_PEOPLE])


def sample(events: Events, run: Run) -> HeldOut:
    """Histories of people, without the last event."""
    return asked(events, sampled(past(events), run))


def past(events: Events) -> Sequence[Sequence[int]]:
    return [history for history, _ in events.log.test if history] or leave_last_out(events.log.histories)[0]


def asked(events: Events, those: Sequence[Sequence[int]]) -> HeldOut:
    catalogue = events.log.catalogue
    items = [{"history": [catalogue[index].id for index in history[-MAX_HISTORY:]]} for history in those]
    return HeldOut(items, events.dataset, f"what {len(those)} people {events.before_the_last}")


def write_catalogue(catalogue: Sequence[CatalogueItem], counts: Array, folder: Path) -> Path:
    counted = [
        item.model_copy(update={"popularity": int(count)}) for item, count in zip(catalogue, counts, strict=True)
    ]
    path = folder / "items.json"
    path.write_bytes(CATALOGUE.dump_json(counted))
    return path
