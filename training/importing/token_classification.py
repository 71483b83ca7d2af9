"""Networks that label the tokens of a text: names, places, parts of speech."""

from collections.abc import Mapping
from typing import Any

from app.tasks.token_classification import (
    TokenClassification,
    TokenClassificationConfig,
    TokenClassificationKernel,
)
from training.importing.beside_pipeline import pipeline_of
from training.importing.folder import ModelFolder
from training.importing.labels import labels_in
from training.importing.network import TOKENIZER, load_text_model
from training.importing.text_draft import TEXTS, text_draft
from training.importing.text_graphs import Texts
from training.recipe import Draft, Run

STRATEGIES = ("simple", "none", "first", "average", "max")


def make(folder: ModelFolder, run: Run) -> Draft:
    """Raises TrainingError."""
    model = load_text_model(folder, "AutoModelForTokenClassification")
    config = TokenClassificationConfig(
        labels=labels_in(model.network.config.id2label),
        tokenizer=TOKENIZER,
        max_tokens=model.max_tokens,
        unknown_token=model.reader.unk_token,
    )
    kernel = TokenClassificationKernel(config, {TOKENIZER: model.save_tokenizer(run.workdir)})
    pipeline = pipeline_of("token-classification", model.network, model.reader)

    def expected(item: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        found = pipeline(item["text"], **{"aggregation_strategy": "simple", **parameters})
        return [_ours(one, item["text"]) for one in found]

    return text_draft(
        model,
        run,
        TokenClassification(kernel),
        Texts(model.network),
        "logits",
        [{"text": text} for text in TEXTS],
        expected,
        config=config.model_dump(),
        about=f"Finds parts of each text and labels them: {', '.join(_kinds(config.labels))}",
        parameters=[{}, *({"aggregation_strategy": strategy, "ignore_labels": []} for strategy in STRATEGIES)],
    )


def _ours(entity: Mapping[str, Any], text: str) -> dict[str, Any]:
    """An entity of the pipeline in our own form: with the word as it stands in the text."""
    start, end = int(entity["start"]), int(entity["end"])
    label = entity["entity"] if "entity" in entity else entity["entity_group"]
    return {"label": label, "score": float(entity["score"]), "word": text[start:end], "start": start, "end": end}


def _kinds(labels: list[str]) -> list[str]:
    return list(dict.fromkeys(label.split("-", 1)[-1] for label in labels if label != "O"))
