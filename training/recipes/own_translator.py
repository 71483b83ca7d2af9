"""A translator of your own, T5, Marian, BART or their kin, out of --source: two graphs beside transformers; minutes."""

from functools import partial

from pydantic import ValidationError

from app.tasks.translation import TranslationConfig, TranslationKernel
from training.data.own.sequence_model import OwnSequenceModel, language_tokens, load_sequence_model
from training.errors import TrainingError, first_line
from training.recipe import Draft, Recipe, Run
from training.recipes.own_sequences import config_of, draft, prefix_of


def load(run: Run) -> OwnSequenceModel:
    return load_sequence_model(run.source)


def make(model: OwnSequenceModel, run: Run) -> Draft:
    source, target = _pair(model, run.languages)
    prefix = prefix_of(model, run.prefix, f"translation_{source}_to_{target}")
    languages = language_tokens(model.reader)
    try:
        config = TranslationConfig(
            source_lang=source, target_lang=target, languages=languages, **config_of(model, prefix)
        )
    except ValidationError as error:
        raise TrainingError(f"{model.name} cannot be served: {first_line(error)}") from error
    return draft(
        model,
        run,
        partial(TranslationKernel, config),
        languages=(source, target),
        description=f"Translates from {source} to {target}"
        f"{f', and between {len(languages)} languages' if languages else ''}, sentence by sentence: {model.name} as it "
        "is in a user's folder. Nobody verifies what it says.",
    )


def _pair(model: OwnSequenceModel, asked: str | None) -> tuple[str, str]:
    """The languages that were asked for, or else what the tokenizer says. Raises TrainingError."""
    stated = [getattr(model.reader, f"{side}_lang", None) for side in ("source", "target")]
    found = asked.split(",") if asked is not None else [one for one in stated if one]
    if len(found) != 2:
        raise TrainingError(
            "--languages must tell which language it reads and which it writes, as in --languages en,de"
        )
    known = language_tokens(model.reader)
    for one in found:
        if known and one not in known:
            raise TrainingError(f"{model.name} has no language {one}; there are {', '.join(known)}")
    return found[0], found[1]


RECIPE = Recipe(
    name="own-translator",
    task="translation",
    load=load,
    make=make,
    takes_source=True,
    takes_languages=True,
)
