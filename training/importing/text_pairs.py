"""Networks that read two texts together: whether one follows from the other, or how well it answers."""

import inspect
from collections.abc import Mapping
from typing import Any

from app.tasks.labels import FunctionToApply
from app.tasks.text import TYPES
from app.tasks.text_ranking import TextRanking, TextRankingConfig, TextRankingKernel
from app.tasks.zero_shot_classification import ZeroShotClassification, ZeroShotConfig, ZeroShotKernel
from training.errors import TrainingError
from training.importing.architectures import ENTAILMENT, OLDER_FUNCTION
from training.importing.beside_pipeline import pipeline_of
from training.importing.folder import ModelFolder
from training.importing.labels import labels_in
from training.importing.network import TOKENIZER, TextModel, load_text_model
from training.importing.text_draft import TEXTS, text_draft
from training.importing.text_graphs import TextPairs, Texts
from training.recipe import Draft, Run

LABELS = ("travel", "food", "a film", "a complaint")
QUERY = "When does the ferry leave?"
TEMPLATE = "It is about {}."
COMPARED = 3  # texts that are ranked at a time


def make_zero_shot(folder: ModelFolder, run: Run) -> Draft:
    """Raises TrainingError."""
    model = load_text_model(folder, "AutoModelForSequenceClassification")
    labels = labels_in(model.network.config.id2label)
    entailment = next((at for at, label in enumerate(labels) if label.lower().startswith(ENTAILMENT)), None)
    if entailment is None or len(labels) < 2:
        raise TrainingError(f"{folder.name} has the labels {', '.join(labels)}; one must begin with {ENTAILMENT!r}")
    config = ZeroShotConfig(
        tokenizer=TOKENIZER,
        max_tokens=model.max_tokens,
        has_types=has_types(model),
        entailment=entailment,
        contradiction=len(labels) - 1 if entailment == 0 else 0,  # as the pipeline takes it
    )
    kernel = ZeroShotKernel(config, {TOKENIZER: model.save_tokenizer(run.workdir)})
    model.network.config.label2id = {label: at for at, label in enumerate(labels)}
    pipeline = pipeline_of("zero-shot-classification", model.network, _reader(model))

    def expected(item: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        found = pipeline(item["text"], item["candidate_labels"], **parameters)
        return [{"label": label, "score": score} for label, score in zip(found["labels"], found["scores"], strict=True)]

    return text_draft(
        model,
        run,
        ZeroShotClassification(kernel),
        _graph(model),
        "logits",
        [{"text": text, "candidate_labels": LABELS} for text in TEXTS],
        expected,
        config=config.model_dump(),
        about="Labels each text with labels that the caller makes up",
        parameters=[{}, {"multi_label": True, "hypothesis_template": TEMPLATE}],
    )


def make_ranking(folder: ModelFolder, run: Run) -> Draft:
    """Raises TrainingError."""
    model = load_text_model(folder, "AutoModelForSequenceClassification")
    if (count := model.network.config.num_labels) != 1:
        raise TrainingError(f"{folder.name} has {count} labels, and a network that ranks texts has one")
    config = TextRankingConfig(
        tokenizer=TOKENIZER,
        max_tokens=model.max_tokens,
        has_types=has_types(model),
        function_to_apply=_function_of(folder.config),
    )
    kernel = TextRankingKernel(config, {TOKENIZER: model.save_tokenizer(run.workdir)})
    pipeline = pipeline_of("text-classification", model.network, _reader(model))

    def expected(item: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        function = "none" if parameters.get("raw_scores") else config.function_to_apply
        pairs = [{"text": item["query"], "text_pair": text} for text in item["texts"]]
        return [pipeline(pair, function_to_apply=function)["score"] for pair in pairs]

    return text_draft(
        model,
        run,
        TextRanking(kernel),
        _graph(model),
        "logits",
        [{"query": QUERY, "texts": TEXTS[at : at + COMPARED]} for at in range(len(TEXTS) - COMPARED + 1)],
        expected,
        config=config.model_dump(),
        about="Scores how well texts answer a query",
        parameters=[{}, {"raw_scores": True}],
    )


def has_types(model: TextModel) -> bool:
    """Whether the tokenizer tells the tokens of the second text from those of the first, and the network reads that."""
    return TYPES in model.reader.model_input_names and TYPES in inspect.signature(model.network.forward).parameters


def _reader(model: TextModel) -> Any:
    """The tokenizer of transformers, which gives the network only what it reads."""
    if not has_types(model):
        model.reader.model_input_names = [name for name in model.reader.model_input_names if name != TYPES]
    return model.reader


def _graph(model: TextModel) -> Texts:
    return TextPairs(model.network) if has_types(model) else Texts(model.network)


def _function_of(config: Mapping[str, Any]) -> FunctionToApply:
    """The function that sentence-transformers states for a cross-encoder, sigmoid if it states none."""
    newer = config.get("sentence_transformers")
    stated = newer.get("activation_fn") if isinstance(newer, dict) else config.get(OLDER_FUNCTION)
    name = str(stated or "Sigmoid").rpartition(".")[2].removesuffix("()")
    if name not in FUNCTIONS:
        raise TrainingError(f"config.json states {name} for scores; what can be imported is {', '.join(FUNCTIONS)}")
    return FUNCTIONS[name]


FUNCTIONS: Mapping[str, FunctionToApply] = {"Sigmoid": "sigmoid", "Identity": "none"}
