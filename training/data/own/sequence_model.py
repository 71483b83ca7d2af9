"""The encoder-decoder in a user's folder, or of the hub: weights in safetensors, its tokenizer, how it is to write."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from safetensors import SafetensorError
from tokenizers import Tokenizer

from app.repository.manifest import Source
from training.data.own.source import given
from training.data.own.tokenizer import tokenizers_of
from training.data.own.weights import safetensors_of
from training.errors import TrainingError, first_line
from training.networks.sequence_models import ACTIVATIONS, ARCHITECTURES

CONFIG = "config.json"
FILES = ("*.json", "*.safetensors", "*.safetensors.index.json", "*.model", "*.spm", "merges.txt")
HEAD_SIZES = 8  # of which ONNX Runtime's attention takes multiples
READ_TEXTS = tuple(name for name in ARCHITECTURES if name != "whisper")


@dataclass(frozen=True, slots=True)
class OwnSequenceModel:
    """`reader` is the tokenizer of transformers, and `tokenizer` the same one as it is served."""

    name: str
    network: Any  # transformers types it no further
    reader: Any
    tokenizer: Tokenizer
    source: Source


def load_sequence_model(source: str | None) -> OwnSequenceModel:
    """The model in the folder or hub repository `source`. Raises TrainingError if it cannot be exported."""
    if not source:
        raise TrainingError("this recipe needs --source, a folder with an encoder-decoder or its id on the hub")
    found = given(source, "model", FILES)
    weights = safetensors_of(found.folder)
    network = load_sequence_network(found.folder, READ_TEXTS)
    reader, tokenizer = tokenizers_of(found.folder)
    if (known := tokenizer.get_vocab_size()) > network.config.vocab_size:
        raise TrainingError(f"the tokenizer knows {known} tokens, and the model {network.config.vocab_size}")
    used = found.source([*weights, found.folder / CONFIG], "weights and tokenizer")
    return OwnSequenceModel(found.name, network, reader, tokenizer, used)


def load_sequence_network(folder: Path, kinds: Sequence[str]) -> Any:
    """The network in `folder`, of one of these `kinds` of ARCHITECTURES, in fp32. Raises TrainingError."""
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{folder / CONFIG} cannot be read: {first_line(error)}") from error
    if config.model_type not in kinds:
        raise TrainingError(f"{folder} holds a {config.model_type}; what can be exported is {', '.join(kinds)}")
    try:
        network, notes = ARCHITECTURES[config.model_type].network.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype="float32", output_loading_info=True
        )
    except (OSError, RuntimeError, ValueError, TypeError, SafetensorError) as error:
        raise TrainingError(f"{folder} cannot be loaded as a {config.model_type}: {first_line(error)}") from error
    if missing := sorted(notes["missing_keys"]):  # which would be drawn by chance
        raise TrainingError(f"{folder} lacks weights of a {config.model_type}, such as {missing[0]}")
    _require_known(folder, network.config)
    return network.eval().requires_grad_(False)


def _require_known(folder: Path, config: Any) -> None:
    activation = getattr(config, "dense_act_fn", None) or config.activation_function
    if activation not in ACTIVATIONS:
        raise TrainingError(f"{folder} has {activation}; what can be exported is {', '.join(ACTIVATIONS)}")
    size = getattr(config, "d_kv", None) or config.d_model // config.decoder_attention_heads
    if size % HEAD_SIZES:
        raise TrainingError(f"{folder} has heads of {size}; what can be exported are multiples of {HEAD_SIZES}")
    if not getattr(config, "share_encoder_decoder_embeddings", True):
        raise TrainingError(f"{folder} has other tokens for its answers than for its sources, which cannot be exported")


def special_form(reader: Any) -> tuple[list[int], list[int]]:
    """The tokens that a tokenizer puts before a text, and behind it."""
    whole, own = (reader("a", add_special_tokens=added).input_ids for added in (True, False))
    at = next((at for at in range(len(whole)) if whole[at : at + len(own)] == own), None)
    if at is None:
        raise TrainingError("the tokenizer reads a text otherwise where it puts tokens around it")
    return whole[:at], whole[at + len(own) :]


def language_tokens(reader: Any) -> dict[str, int]:
    """The languages that a tokenizer reads, by name, with their tokens; none if it has no `src_lang`.

    Raises TrainingError if it has one that has no token.
    """
    if (own := getattr(reader, "src_lang", None)) is None:
        return {}
    tokens: Sequence[str] = reader.all_special_tokens
    named = {token.strip("_"): token for token in tokens if "_" in token and token.isascii() and token.isidentifier()}
    if own not in named.values():
        raise TrainingError(f"the tokenizer's own language is {own}, for which it has no token")
    return {name: reader.convert_tokens_to_ids(token) for name, token in named.items()}
