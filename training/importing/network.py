"""The network and the tokenizer in a folder, in transformers: what the graph must equal."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from tokenizers import Tokenizer
from torch import nn

from training.data.own.tokenizer import tokenizers_of
from training.errors import TrainingError, refusing
from training.importing.folder import CONFIG, ModelFolder

TOKENIZER = "tokenizer.json"
ENDLESS = 1_000_000  # tokens: transformers states far more where a tokenizer has no limit


@dataclass(frozen=True, slots=True)
class TextModel:
    """`reader` is the tokenizer of transformers, and `tokenizer` the same one as it is served.

    `max_tokens`: the most that the network reads, with those that the tokenizer adds.
    """

    folder: ModelFolder
    network: Any  # transformers types it no further
    reader: Any
    tokenizer: Tokenizer
    max_tokens: int

    def save_tokenizer(self, workdir: Path) -> Path:
        path = workdir / TOKENIZER
        self.tokenizer.save(str(path))
        return path


def load_text_model(folder: ModelFolder, kind: str, unused: Sequence[str] = ()) -> TextModel:
    """The model in `folder` as `kind`, one of transformers' "Auto" classes. Raises TrainingError.

    `unused`: parts of names of weights that may be missing.
    """
    network = load_network(folder, kind, unused)
    reader, tokenizer = tokenizers_of(folder.path)
    known, read = max(tokenizer.get_vocab().values(), default=0) + 1, network.get_input_embeddings().num_embeddings
    if known > read:
        raise TrainingError(f"the tokenizer of {folder.path} knows {known} tokens, and the network {read}")
    with refusing(f"the tokenizer of {folder.path} states no number of tokens that can be read"):
        max_tokens = _max_tokens(network, reader)
    return TextModel(folder, network, reader, tokenizer, max_tokens)


def load_network(folder: ModelFolder, kind: str, unused: Sequence[str] = ()) -> Any:
    """The network in fp32, with all its weights but the `unused`. Raises TrainingError."""
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    options = {"local_files_only": True, "trust_remote_code": False}
    with refusing(f"{folder.path / CONFIG} cannot be read"):
        config = transformers.AutoConfig.from_pretrained(folder.path, **options)
    with refusing(f"{folder.path} cannot be loaded as {kind}"):
        network, notes = getattr(transformers, kind).from_pretrained(
            folder.path,
            config=config,
            use_safetensors=True,
            dtype="float32",
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # or only the log would tell which do not fit
            **options,
        )
    for name, stored, made in sorted(notes["mismatched_keys"]):
        labels = f" for its {network.config.num_labels} labels" if made[0] == network.config.num_labels else ""
        raise TrainingError(
            f"{folder.path} has {name} of {list(stored)} numbers, and {CONFIG} asks for {list(made)}{labels}"
        )
    missing = [name for name in sorted(notes["missing_keys"]) if not any(one in name for one in unused)]
    if missing:  # they would be drawn by chance
        raise TrainingError(f"{folder.path} lacks weights of {type(network).__name__}, such as {missing[0]}")
    return network.eval().requires_grad_(False)


def _max_tokens(network: Any, reader: Any) -> int:
    places = [
        # RoBERTa and its kin count from behind the place of padding.
        one.num_embeddings - (0 if one.padding_idx is None else one.padding_idx + 1)
        for name, one in network.named_modules()
        if name.endswith("position_embeddings") and isinstance(one, nn.Embedding)
    ]
    stated = getattr(network.config, "max_position_embeddings", None)
    most = [*(places or [stated or ENDLESS]), min(reader.model_max_length, ENDLESS)]
    return int(min(most))
