"""The half of the MovieLens recommender that has a closed form, for where torch is not; seconds.

It is made under the same name, and what `movielens_recommender` makes takes over when it is there.
"""

from functools import partial

from training.baselines.neighbours import FADING_EASE, faded
from training.data.event_log import MAX_HISTORY, left_pad
from training.data.events import Events, load_events
from training.graphs.closed_form import proven_ease, write_ease
from training.networks.ease import ease_weights
from training.recipe import Draft, Recipe, Run
from training.recipes.recommender import NAME, PROSE, Recommender, draft, held_out, sample

# By which scores are multiplied, so that their softmax is a probability: the likeliest on the last but one event.
SHARPNESS = 40.0


def make(events: Events, run: Run) -> Draft:
    past, asked, _ = events.questions()
    recency, penalty = FADING_EASE
    weights = SHARPNESS * ease_weights(past, events.num_items, penalty)
    read = partial(faded, num_items=events.num_items, recency=recency)
    graph = write_ease(weights, recency, MAX_HISTORY, run.workdir / "model.onnx")
    learned = Recommender(
        "EASE alone",
        proven_ease(graph, left_pad(past[:32], MAX_HISTORY), read([one[-MAX_HISTORY:] for one in past[:32]]) @ weights),
        read([history[-MAX_HISTORY:] for history in asked]) @ weights,
        remark=PROSE.text("Remark on the closed form"),
        made_with="numpy",
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
    must_reach={"hr@10": 0.19, "ndcg@10": 0.10},
    must_lead={"hr@10": "more", "ndcg@10": "more"},
)
