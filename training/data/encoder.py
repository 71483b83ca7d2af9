"""The encoder of sentences that a recipe starts from: MiniLM, or another BERT, in the files that the hub has of it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from tokenizers import Tokenizer

from app.repository.manifest import Source
from training.data import minilm
from training.data.own.source import given
from training.errors import TrainingError, first_line

if TYPE_CHECKING:
    from transformers import BertModel

FILES = ("config.json", "model.safetensors", "tokenizer.json")
# What training/graphs/bert.py writes, and what a configuration means that does not say.
NEEDED = {
    "model_type": ("bert", None),
    "hidden_act": ("gelu", "gelu"),
    "position_embedding_type": ("absolute", "absolute"),
}


@dataclass(frozen=True, slots=True)
class Encoder:
    """`folder` holds FILES; `name` is what a card calls it."""

    name: str
    folder: Path
    source: Source

    @property
    def tokenizer(self) -> Path:
        return self.folder / "tokenizer.json"

    @property
    def is_packaged(self) -> bool:
        return self.source is minilm.SOURCE

    def arrays(self) -> Any:
        """The weights that a graph is written from; of MiniLM without torch. Raises TrainingError."""
        return minilm.bert_arrays() if self.is_packaged else self.load()

    def load(self) -> "BertModel":
        """Raises TrainingError."""
        try:
            return minilm.load_bert(folder=self.folder)
        except (OSError, RuntimeError, ValueError, TypeError, SafetensorError) as error:
            raise TrainingError(f"{self.folder} cannot be loaded as a BERT: {first_line(error)}") from error


def load_encoder(source: str | None, max_tokens: int) -> Encoder:
    """MiniLM, or what is in the folder or hub repository `source`.

    Raises TrainingError if that cannot be exported, or does not read `max_tokens`.
    """
    if not source:
        return Encoder("MiniLM-L6", minilm.minilm_folder(), minilm.SOURCE)
    found = given(source, "model", FILES)
    missing = [name for name in FILES if not (found.folder / name).is_file()]
    if missing:
        raise TrainingError(f"{found.folder} has no {', '.join(missing)}; an encoder is {', '.join(FILES)}")
    try:
        config = dict(json.loads((found.folder / "config.json").read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise TrainingError(f"{found.folder / 'config.json'} is not the configuration of a model") from error
    stated = {name: config.get(name, default) for name, (_, default) in NEEDED.items()}
    if config.get("max_position_embeddings", 0) < max_tokens:
        raise TrainingError(f"{found.folder} reads fewer than {max_tokens} tokens")
    other = [f"{name} {stated[name]}" for name, (needed, _) in NEEDED.items() if stated[name] != needed]
    if other:
        raise TrainingError(
            f"{found.folder} has {', '.join(other)}; only a BERT with gelu and absolute positions can be exported"
        )
    _check_tokenizer(found.folder / "tokenizer.json", config.get("vocab_size", 0))
    files = [found.folder / name for name in FILES]
    return Encoder(found.name, found.folder, found.source(files, "pretrained weights and tokenizer"))


def _check_tokenizer(path: Path, vocabulary_size: int) -> None:
    try:
        known = Tokenizer.from_file(str(path)).get_vocab_size()
    except Exception as error:  # the library raises nothing more exact
        raise TrainingError(f"{path} is not a tokenizer: {error}") from error
    if known > vocabulary_size:
        raise TrainingError(f"{path} knows {known} tokens, and the encoder beside it {vocabulary_size}")
