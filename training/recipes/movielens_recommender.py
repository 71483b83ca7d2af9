"""MovieLens recommender: a person's last fifty films to the next one; about a minute on two cores.

`--source` of a folder with `ratings.csv` and `movies.csv` makes it of other events, of films or anything else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from app.repository.manifest import Batching, Metric, Source
from app.tasks.catalogue import CATALOGUE, CatalogueItem
from app.tensors import Array
from training.baselines.neighbours import ease, item_knn, popularity
from training.baselines.table import read_table
from training.card.groups import favour_table, group_table
from training.card.intervals import HEADING, intervals_table
from training.card.plots import learning_curves
from training.data.event_log import EventLog, Group
from training.data.movielens import SOURCE, SPLIT, load_movielens
from training.data.own.events import FETCHED, own_events
from training.data.own.source import given
from training.errors import say
from training.graphs.export import exported
from training.loop.fit import LearningCurve
from training.loop.next_event import EPOCHS, MAX_HISTORY, fit_next_event, left_pad, one_thread, score
from training.measures.groups import FEW, Ranks, by_activity, by_target, recommended
from training.measures.intervals import Figure
from training.measures.ranking import History, gains, hit_rate, hits, leave_last_out, ndcg, target_ranks
from training.measures.verdict import POPULARITY
from training.networks.blend import Blend, ease_weights
from training.networks.sasrec import SASRec
from training.recipe import Draft, Example, HeldOut, Recipe, Run

NAME, OURS = "movielens-recommender", "SASRec and EASE"
# Chosen on the last but one event: what an event counts beside the one after it, how strongly EASE is held back, and
# what it adds to SASRec's log-probabilities.
EASE_RECENCY, EASE_PENALTY, EASE_SHARE = 0.95, 400.0, 24.0
# Of the baselines by themselves, chosen likewise.
FADING_EASE, PLAIN_EASE_PENALTY = (0.9, 400.0), 150.0
KNN_RECENCY = 0.7
TOP = 10
EXPLAINED_PEOPLE = 60
MOST_JUDGED = 5_000  # people or events; the scores of all items for each, by all methods, must fit into memory

# Recommended items that score almost alike may change places on another processor; three of them do not.
SCIENCE_FICTION = ["Alien (1979)", "Blade Runner (1982)", "Terminator, The (1984)", "Aliens (1986)", "Star Wars (1977)"]
CHILDRENS_FILMS = ["Toy Story (1995)", "Lion King, The (1994)", "Aladdin (1992)", "Beauty and the Beast (1991)"]


@dataclass(frozen=True, slots=True)
class Events:
    """Whose histories, and what the card says of them."""

    log: EventLog
    source: Source
    dataset: str
    split: str
    description: str
    licence: str
    before_the_last: str
    examples: Sequence[Example]
    limits: Sequence[str]
    notes: str
    remarks: Sequence[str] = ()

    @property
    def are_own(self) -> bool:
        return self.source is not SOURCE

    def questions(self) -> tuple[list[History], list[History], list[int]]:
        """What is learned, the histories that are asked about, and what followed each of these."""
        if test := self.log.test:
            chosen = judged(len(test))
            return list(self.log.histories), [test[i][0] for i in chosen], [test[i][1] for i in chosen]
        past, last = leave_last_out(self.log.histories)
        chosen = judged(len(past))
        return past, [past[i] for i in chosen], [last[i] for i in chosen]


def make(events: Events, run: Run) -> Draft:
    """Train on all but each person's last event, and measure on that one, of at most MOST_JUDGED people."""
    catalogue = events.log.catalogue
    past, asked, targets = events.questions()
    num_items = len(catalogue) - 1
    counts = popularity(past, num_items)
    sasrec, curve = learn(past, num_items, run, epochs=1 if run.tiny else EPOCHS)
    network = Blend(sasrec, ease_weights(past, num_items, EASE_PENALTY), MAX_HISTORY, EASE_RECENCY, EASE_SHARE).eval()
    rows = {"item_ids": left_pad(past[:32], MAX_HISTORY)}
    graph = exported(network, rows, run.workdir / "model.onnx", ["scores"], tolerance=1e-3)
    scores = {
        OURS: score(network, asked),
        "SASRec": score(sasrec, asked),
        POPULARITY: np.tile(counts, (len(asked), 1)),
        "item-kNN": item_knn(past, asked, num_items, 1.0),
        "item-kNN, events fading": item_knn(past, asked, num_items, KNN_RECENCY),
        "EASE": ease(past, asked, num_items, 1.0, PLAIN_EASE_PENALTY),
        "EASE, events fading": ease(past, asked, num_items, *FADING_EASE),
    }
    # These take longer than the network itself: measured once, kept in the repository.
    slow = None if events.are_own else read_table(NAME, data_sha256=SOURCE.sha256, split=SPLIT)
    ranks = {name: target_ranks(found, asked, targets) for name, found in scores.items()}
    return Draft(
        description=events.description,
        licence=events.licence,
        files={
            "model.onnx": graph.path,
            "items.json": write_catalogue(catalogue, counts, run.workdir),
        },
        graphs={"model": "model.onnx"},
        config={"catalogue": "items.json", "max_history": MAX_HISTORY},
        exported=graph,
        batching=Batching(max_batch_size=128),
        metrics=[
            Metric(
                name=name,
                value=measure(ranks[OURS], TOP),
                dataset=events.dataset,
                split=events.split,
                baselines={
                    **{other: measure(found, TOP) for other, found in ranks.items() if other != OURS},
                    **(slow.of(name) if slow else {}),
                },
            )
            for name, measure in (("hr@10", hit_rate), ("ndcg@10", ndcg))
        ],
        sources=[events.source],
        plots={"Loss in training": learning_curves(curve.rows, {"loss": ["loss"]}, run.workdir / "loss.png")},
        sections={HEADING: sureness(ranks)}
        | whom_and_what(
            {name: group[list(judged(len(past)))] for name, group in events.log.groups.items()},
            asked,
            targets,
            counts,
            scores,
            ranks,
        ),
        examples=events.examples,
        limits=events.limits,
        notes=f"{events.notes} {say(events.remarks)}".rstrip(),
        has_own_data=events.are_own,
    )


def sureness(ranks: Mapping[str, Ranks]) -> str:
    """Markdown: the figures with their intervals, and the lead over the best of the other methods."""
    return intervals_table(
        [
            Figure(name, of_each(ranks[OURS], TOP), {n: of_each(r, TOP) for n, r in ranks.items() if n != OURS})
            for name, of_each in ((f"hr@{TOP}", hits), (f"ndcg@{TOP}", gains))
        ]
    )


def whom_and_what(
    kinds: Mapping[str, Group],
    asked: Sequence[History],
    targets: Sequence[int],
    counts: Array,
    scores: Mapping[str, Array],
    ranks: Mapping[str, Ranks],
) -> dict[str, str]:
    """Sections of the card: for whom recommendations work, and which items they favour."""
    groups = {**kinds, **by_activity(asked), **by_target(targets, counts)}
    shown = {name: recommended(found, asked, TOP) for name, found in scores.items()}
    found = group_table(groups, ranks, TOP)
    return {
        "For whom it works": found and FOR_WHOM + found,
        "What it favours": FAVOURS + favour_table(shown, counts),
    }


def load_events(run: Run) -> Events:
    if not run.source:
        return packaged(load_movielens())
    found = given(run.source, "dataset", FETCHED)
    log, files, remarks = own_events(found.folder)
    return own(log, found.source(files, "training and evaluation"), remarks)


FOR_WHOM = (
    f"HR@{TOP} of kinds of people, with one standard error; of fewer than {FEW} people none is given. The model knows "
    "nothing of a person but the events.\n\n"
)
FAVOURS = f"Over the {TOP} first recommendations to everybody above.\n\n"
FADING = f"Where events fade, each counts {KNN_RECENCY} (item-kNN) or {FADING_EASE[0]} (EASE) of the one after it."


def packaged(log: EventLog) -> Events:
    return Events(
        log,
        source=SOURCE,
        dataset="MovieLens-100k",
        split=SPLIT,
        description="Recommends the next film from the last fifty rated ones: SASRec and EASE on MovieLens-100k.",
        licence="research use only, after the GroupLens terms of the data",
        before_the_last="rated before their last film",
        examples=[
            Example({"history": SCIENCE_FICTION}, {"top_k": 3}, tolerance=1e-3),
            Example({"history": CHILDRENS_FILMS}, {"top_k": 3}, tolerance=1e-3),
            Example({"history": []}, {"top_k": 3}, tolerance=1e-3),
        ],
        limits=[
            f"It knows {len(log.catalogue) - 1:,} films, none younger than 1998, and cannot recommend another.",
            "It learned the order in which people rated films, often many in one sitting, not in which they saw them.",
            "It reads neither how much somebody liked a film nor anything about the person.",
        ],
        notes="SASRec's settings were chosen on the five events before each person's last, with training on what came "
        "before. What EASE adds was chosen on the last but one event alone, where the two together had HR@10 .257 and "
        "NDCG@10 .143, SASRec .230 and .117, EASE with fading events .235 and .127, item-kNN with fading events "
        f".210 and .118. Chance alone moves HR@10 of 943 people by .013 (one standard error). {FADING} Films that the "
        "data lists twice were merged. Baselines that take longer than the model are not measured with it: they are a "
        f"table in the repository, measured by python -m training.baselines {NAME}.",
    )


def own(log: EventLog, source: Source, remarks: Sequence[str]) -> Events:
    num_items, num_people = len(log.catalogue) - 1, len(log.histories)
    num_judged = len(judged(count := len(log.test) or num_people))
    drawn = f", drawn by chance from {count:,}" if num_judged < count else ""
    what = (
        f"{num_judged:,} events of the given test" if log.test else f"the last event of each of {num_judged:,} people"
    )
    popular = np.argsort(-popularity(log.histories, num_items)[1:], kind="stable")[:5] + 1
    ids = [log.catalogue[index].id for index in popular]
    return Events(
        log,
        source=source,
        dataset=source.name,
        split=f"{what}{drawn}, ranked among all items new to them",
        description=f"Recommends the next item from the last fifty: SASRec and EASE on {source.name}.",
        licence=source.licence,
        before_the_last="had before the test" if log.test else "had before their last event",
        # By id, since a title may name two items, and only the first, since the next ones may score almost alike.
        examples=[
            Example({"history": ids}, {"top_k": 1}, tolerance=1e-3),
            Example({"history": ids[:1]}, {"top_k": 1}, tolerance=1e-3),
            Example({"history": []}, {"top_k": 3}, tolerance=1e-3),
        ],
        limits=[
            f"It knows {num_items:,} items and cannot recommend another.",
            "It learned the order of the times in the data, which may not be that in which people chose.",
            "It reads neither how much somebody liked an item nor anything about the person.",
        ],
        notes="All settings are those that were chosen on the data packaged with the recipe; none was chosen anew. "
        "People with fewer than two different items were left out, and only somebody's first event of an item counts. "
        f"Chance alone moves HR@10 of {num_judged:,} {'events' if log.test else 'people'} by up to "
        f"{0.5 / num_judged**0.5:.3f} (one standard error). {FADING}",
        remarks=remarks,
    )


def judged(count: int) -> Sequence[int]:
    """All of `count` people or events, or MOST_JUDGED of them, drawn by chance and each time the same."""
    if count <= MOST_JUDGED:
        return range(count)
    return sorted(np.random.default_rng(0).choice(count, MOST_JUDGED, replace=False).tolist())


@one_thread()
def learn(histories: Sequence[History], num_items: int, run: Run, *, epochs: int) -> tuple[SASRec, LearningCurve]:
    """Predict every event of each window from those before it."""
    torch.manual_seed(run.seed)
    network = SASRec(num_items, MAX_HISTORY)
    return network, fit_next_event(network, histories, run, epochs=epochs)


def held_out(events: Events, run: Run) -> HeldOut:
    """Histories of some people, without the last event, on which explanations are judged."""
    catalogue = events.log.catalogue
    past = [history for history, _ in events.log.test if history] or leave_last_out(events.log.histories)[0]
    few = past[: 2 if run.tiny else EXPLAINED_PEOPLE]
    items = [{"history": [catalogue[index].id for index in history[-MAX_HISTORY:]]} for history in few]
    return HeldOut(items, events.dataset, f"what {len(few)} people {events.before_the_last}")


def write_catalogue(catalogue: Sequence[CatalogueItem], counts: Array, folder: Path) -> Path:
    counted = [
        item.model_copy(update={"popularity": int(count)}) for item, count in zip(catalogue, counts, strict=True)
    ]
    path = folder / "items.json"
    path.write_bytes(CATALOGUE.dump_json(counted))
    return path


RECIPE = Recipe(
    name=NAME,
    task="recommendation",
    load=load_events,
    make=make,
    takes_source=True,
    held_out=held_out,
    must_reach={"hr@10": 0.20, "ndcg@10": 0.105},
    must_lead={"hr@10": "more", "ndcg@10": "more"},
)
