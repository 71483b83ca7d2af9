"""MovieLens recommender: a person's last fifty films to the next one; about a minute on two cores.

`--source` of a folder with `ratings.csv` and `movies.csv` makes it of other events, of films or anything else.
"""

from training.card.plots import learning_curves
from training.data.event_log import MAX_HISTORY, left_pad
from training.data.events import Events, load_events
from training.graphs.export import exported
from training.loop.blended import SETTINGS, TINY, before_the_last, blended
from training.loop.next_event import score
from training.measures.ranking import TOP
from training.recipe import Draft, Recipe, Run, SettingsSearch
from training.recipes.recommender import NAME, Recommender, draft, held_out, sample


def make(events: Events, run: Run) -> Draft:
    """Train on all but each person's last event."""
    past, asked, _ = events.questions()
    sasrec, network, curve = blended(past, events.num_items, run)
    rows = {"item_ids": left_pad(past[:32], MAX_HISTORY)}
    learned = Recommender(
        "SASRec and EASE",
        exported(network, rows, run.workdir / "model.onnx", ["scores"], tolerance=1e-3),
        score(network, asked),
        parts={"SASRec": score(sasrec, asked)},
        plots={"Loss in training": learning_curves(curve.rows, {"loss": ["loss"]}, run.workdir / "loss.png")},
    )
    return draft(events, learned, run)


RECIPE = Recipe(
    name=NAME,
    task="recommendation",
    load=load_events,
    make=make,
    takes_source=True,
    held_out=held_out,
    sample=sample,
    must_reach={"hr@10": 0.20, "ndcg@10": 0.105},
    settings=SETTINGS,
    tiny=TINY,
    search=SettingsSearch(before_the_last, f"hit rate of the last but one event at {TOP}", "more"),
    must_lead={"hr@10": "more", "ndcg@10": "more"},
)
