"""Classifiers of texts: one label, several, or a number."""

from collections.abc import Mapping
from typing import Any

from app.tasks.labels import FunctionToApply
from app.tasks.text_classification import (
    TextClassification,
    TextClassificationConfig,
    TextClassificationKernel,
)
from training.importing.beside_pipeline import pipeline_of
from training.importing.folder import ModelFolder
from training.importing.labels import labels_in
from training.importing.network import TOKENIZER, load_text_model
from training.importing.text_draft import TEXTS, text_draft
from training.importing.text_graphs import Texts
from training.recipe import Draft, Run


def make(folder: ModelFolder, run: Run) -> Draft:
    """Raises TrainingError."""
    model = load_text_model(folder, "AutoModelForSequenceClassification")
    config = TextClassificationConfig(
        labels=labels_in(model.network.config.id2label),
        tokenizer=TOKENIZER,
        max_tokens=model.max_tokens,
        function_to_apply=function_of(model.network.config),
    )
    kernel = TextClassificationKernel(config, {TOKENIZER: model.save_tokenizer(run.workdir)})
    pipeline = pipeline_of("text-classification", model.network, model.reader)
    return text_draft(
        model,
        run,
        TextClassification(kernel),
        Texts(model.network),
        "logits",
        [{"text": text} for text in TEXTS],
        lambda item, parameters: pipeline(item["text"], top_k=None),
        config=config.model_dump(),
        about=ABOUT[config.function_to_apply],
    )


ABOUT: Mapping[FunctionToApply, str] = {
    "softmax": "Labels each text with one of several labels",
    "sigmoid": "Labels each text with any number of labels, each with a score of its own",
    "none": "Gives each text a number",
}


def function_of(config: Any) -> FunctionToApply:
    """The way from logits to scores, as the pipeline of transformers chooses it."""
    if config.problem_type == "regression":
        return "none"
    return "sigmoid" if config.problem_type == "multi_label_classification" or config.num_labels == 1 else "softmax"
