"""The kind of model that an architecture of transformers is, by the end of its name."""

from collections.abc import Mapping
from typing import Any

from training.errors import TrainingError

BY_ENDING: Mapping[str, str] = {
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForMaskedLM": "fill-mask",
    "ForQuestionAnswering": "question-answering",
    "ForObjectDetection": "object-detection",
    "ForSemanticSegmentation": "image-segmentation",
    "ForImageClassification": "image-classification",
    "ForImageClassificationWithTeacher": "image-classification",
    "Model": "feature-extraction",
}
"""The task of each architecture that becomes one graph here. More special endings come first."""

WRITERS: Mapping[str, str] = {
    "MarianMTModel": "translation",
    "M2M100ForConditionalGeneration": "translation",
    "MBartForConditionalGeneration": "translation",
    "PegasusForConditionalGeneration": "summarization",
    "T5ForConditionalGeneration": "",
    "MT5ForConditionalGeneration": "",
    "BartForConditionalGeneration": "",
    "WhisperForConditionalGeneration": "automatic-speech-recognition",
    "ForCausalLM": "text-generation",
    "GPT2LMHeadModel": "text-generation",
}
"""The task of each architecture that writes; "" where only `--task` or the configuration tells it."""

CLASSIFIES = "text-classification"
OLDER_FUNCTION = "sbert_ce_default_activation_function"  # in configurations of cross-encoders
ENTAILMENT = "entail"  # begins the name of a label of networks that judge whether one text follows from another

RECIPES: Mapping[str, str] = {
    "translation": "own-translator",
    "summarization": "own-summarizer",
    "text-generation": "smollm2-instruct",
    "automatic-speech-recognition": "own-recognizer",
}
"""Of a task that writes, the recipe that takes such a model with `--source`."""


def task_of(config: Mapping[str, Any], *, is_pooled: bool = False) -> str:
    """The task of a model with this `config.json`. Raises TrainingError if none is known, or several are.

    `is_pooled`: sentence-transformers left its files beside it.
    """
    if is_pooled:
        return "feature-extraction"
    names = config.get("architectures") or []
    if not isinstance(names, list) or not names:
        raise TrainingError("config.json names no architecture; say with --task what kind of model it is")
    name = str(names[0])
    for ending, task in (*WRITERS.items(), *BY_ENDING.items()):
        if name.endswith(ending):
            return _classified(config) if task == CLASSIFIES else task or _written(name, config)
    known = ", ".join(f"…{ending}" for ending in (*BY_ENDING, *WRITERS))
    raise TrainingError(f"{name} is no architecture that can be imported; there are {known}")


def _classified(config: Mapping[str, Any]) -> str:
    """The task of a classifier of texts, which may be of two that are read together: its labels tell."""
    labels = config.get("id2label")
    names = [str(label).lower() for label in labels.values()] if isinstance(labels, dict) else []
    if len(names) > 1 and any(name.startswith(ENTAILMENT) for name in names):
        return "zero-shot-classification"
    if len(names) == 1 and ("sentence_transformers" in config or OLDER_FUNCTION in config):
        return "text-ranking"
    return CLASSIFIES


def _written(name: str, config: Mapping[str, Any]) -> str:
    """The task for which a model that can do several has settings of its own."""
    settings = config.get("task_specific_params")
    kinds = {str(one).partition("_")[0] for one in settings} if isinstance(settings, dict) else set()
    if kinds == {"summarization"}:
        return "summarization"
    if kinds == {"translation"}:
        return "translation"
    raise TrainingError(f"a {name} may translate or summarise; say with --task translation or --task summarization")
