"""A summarizer of your own, T5, BART, Pegasus or their kin, out of --source: two graphs beside transformers."""

from functools import partial

from pydantic import ValidationError

from app.tasks.own_words import OwnWordsKernel
from training.data.own.sequence_model import OwnSequenceModel, language_tokens, load_sequence_model
from training.errors import TrainingError, first_line
from training.recipe import Draft, Recipe, Run
from training.recipes.own_sequences import config_of, draft, prefix_of


def load(run: Run) -> OwnSequenceModel:
    return load_sequence_model(run.source)


def make(model: OwnSequenceModel, run: Run) -> Draft:
    if run.languages is not None or language_tokens(model.reader):
        raise TrainingError("a summarizer reads and writes one language, and is told none: leave out --languages")
    try:
        config = OwnWordsKernel.Config(**config_of(model, prefix_of(model, run.prefix, "summarization")))
    except ValidationError as error:
        raise TrainingError(f"{model.name} cannot be served: {first_line(error)}") from error
    return draft(
        model,
        run,
        partial(OwnWordsKernel, config),
        description=f"Summarises each text in its own words: {model.name} as it is in a user's folder. Nobody "
        "verifies what it says.",
    )


RECIPE = Recipe(
    name="own-summarizer",
    task="summarization",
    load=load,
    make=make,
    takes_source=True,
    takes_languages=True,
)
