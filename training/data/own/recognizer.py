"""The Whisper in a user's folder, or of the hub: weights, tokenizer, spectrograms, and how it is to write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from tokenizers import Tokenizer
from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

from app.repository.manifest import Source
from app.tasks.speech.features import FRAME, HOP, WINDOW_S
from app.tasks.speech.recording import RATE
from app.tasks.speech_recognition import PLACES, SpeechConfig
from training.data.own.generation_settings import NEUTRAL, require_neutral
from training.data.own.sequence_model import CONFIG, load_sequence_network
from training.data.own.source import given
from training.data.own.tokenizer import tokenizers_of
from training.data.own.weights import safetensors_of
from training.data.whisper_models import config_of
from training.errors import TrainingError, first_line

FILES = ("*.json", "*.safetensors", "merges.txt")
HEARD: Mapping[str, Any] = {
    "sampling_rate": RATE,
    "hop_length": HOP,
    "n_fft": FRAME,
    "chunk_length": WINDOW_S,
    "padding_value": 0.0,
    "dither": 0.0,
}
"""The way of the service to spectrograms, as preprocessor_config.json calls it."""
TIMES = 1501  # tokens, .02 s apart, from 0 to 30 s
MULTILINGUAL = 51_865  # tokens and more: the vocabularies of OpenAI's models of many languages
HONOURED = ("begin_suppress_tokens", "forced_decoder_ids")
NOT_HONOURED: Mapping[str, Sequence[Any]] = {
    **{name: neutral for name, neutral in NEUTRAL.items() if name not in HONOURED},
    "no_repeat_ngram_size": (None, 0),
    "bad_words_ids": (None, []),
    "min_length": (None, 0),
    "min_new_tokens": (None, 0),
    "forced_bos_token_id": (None,),
}
"""Settings that would change transcripts, with the values that change nothing."""


@dataclass(frozen=True, slots=True)
class OwnRecognizer:
    """`reader` and `hears` are the tokenizer of transformers and what makes spectrograms there."""

    name: str
    network: Any  # transformers types it no further
    reader: Any
    hears: Any
    tokenizer: Tokenizer
    config: SpeechConfig
    source: Source


def load_recognizer(source: str | None) -> OwnRecognizer:
    """The Whisper in the folder or hub repository `source`. Raises TrainingError if it cannot be exported."""
    if not source:
        raise TrainingError("this recipe needs --source, a folder with a Whisper or its id on the hub")
    found = given(source, "model", FILES)
    weights = safetensors_of(found.folder)
    network = load_sequence_network(found.folder, ["whisper"])
    reader, tokenizer = tokenizers_of(found.folder)
    config = _config(network, tokenizer, found.folder)
    hears = _spectrograms(found.folder, config.mels)
    used = found.source([*weights, found.folder / CONFIG], "weights and tokenizer")
    return OwnRecognizer(found.name, network, reader, hears, tokenizer, config, used)


def _spectrograms(folder: Path, mels: int) -> Any:
    try:
        found: Any = transformers.WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(
            f"{folder} has no preprocessor_config.json that can be read: {first_line(error)}"
        ) from error
    for name, ours in {"feature_size": mels, **HEARD}.items():
        if (stated := getattr(found, name)) != ours:
            raise TrainingError(
                f"{folder} hears with {name} {stated}; a Whisper like this one can only be served with {ours}"
            )
    return found


def _config(network: Any, tokenizer: Tokenizer, folder: Path) -> SpeechConfig:
    stated, sizes = network.generation_config, network.config
    require_neutral(stated, NOT_HONOURED)
    languages = _language_ids(stated, sizes.vocab_size, folder)
    config = config_of(
        network,
        tokenizer,
        suppress_ids=stated.suppress_tokens or [],
        begin_suppress_ids=stated.begin_suppress_tokens or [],
        language_ids=list(languages.values()),
        default_language=_default_language(stated, sizes, languages),
    )
    tokens = {
        "decoder_start_token_id": config.start_id,
        "eos_token_id": config.end_id,
        "no_timestamps_token_id": config.no_timestamps_id,
    }
    for name, id in tokens.items():
        if (said := getattr(stated, name, None)) not in (None, id):
            raise TrainingError(f"{folder} says that {name} is {said}, and its tokenizer that it is {id}")
    if (known := max(tokenizer.get_vocab().values()) + 1) > sizes.vocab_size:
        raise TrainingError(f"the tokenizer of {folder} knows {known} tokens, and the network {sizes.vocab_size}")
    if sizes.max_source_positions != PLACES or sizes.vocab_size < config.timestamp_begin_id + TIMES:
        raise TrainingError(
            f"{folder} reads {sizes.max_source_positions} places and writes {sizes.vocab_size} tokens, which are not "
            f"the {PLACES} of {WINDOW_S} s, or not enough for its times"
        )
    return config


def _language_ids(stated: Any, vocabulary: int, folder: Path) -> dict[str, int]:
    """The token of each language, by its name as the tokenizer has it; none of a model for English only."""
    languages: dict[str, int] = getattr(stated, "lang_to_id", None) or {}
    is_multilingual = getattr(stated, "is_multilingual", None)
    if is_multilingual is None:
        is_multilingual = bool(languages) or vocabulary >= MULTILINGUAL
    if not is_multilingual:
        return {}
    if not languages:
        raise TrainingError(
            f"{folder} has a generation_config.json without lang_to_id, so nothing tells which languages it knows; "
            "take that of the Whisper that it was made from"
        )
    return languages


def _default_language(stated: Any, sizes: Any, languages: Mapping[str, int]) -> str | None:
    """The language that transformers takes where a caller names none: the stated one, or that of the forced tokens."""
    if not languages:
        return None
    language, task = (getattr(stated, name, None) for name in ("language", "task"))
    forced = getattr(stated, "forced_decoder_ids", None) or getattr(sizes, "forced_decoder_ids", None) or []
    token = dict(forced).get(1) if language is task is None else None
    translates = getattr(stated, "task_to_id", {}).get("translate")
    if task not in (None, "transcribe") or (language is task is None and translates in dict(forced).values()):
        raise TrainingError("it translates by default, which is not served; callers ask for it with task: translate")
    if language is not None:
        name = str(language).lower().strip("<|>")
        token = languages.get(f"<|{TO_LANGUAGE_CODE.get(name, name)}|>")
        if token is None:
            raise TrainingError(f"its generation_config.json has language: {language}, which is not in its lang_to_id")
    return {id: one.strip("<|>") for one, id in languages.items()}.get(token) if token is not None else None
