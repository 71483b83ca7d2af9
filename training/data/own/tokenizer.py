"""The tokenizer in a model's folder: as transformers has it, and as it is served."""

from pathlib import Path
from typing import Any

import transformers
from tokenizers import Tokenizer

from training.data.own.marian_tokenizer import SOURCE_PIECES, marian_tokenizer
from training.errors import TrainingError, refusing


def tokenizers_of(folder: Path) -> tuple[Any, Tokenizer]:
    """The tokenizer of `folder` in transformers, and the same one without it. Raises TrainingError if there is none."""
    with refusing(f"{folder} has no tokenizer that can be read"):
        reader: Any = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if reader.is_fast and _knows_nothing(reader):
        raise TrainingError(f"{folder} has no tokenizer: a tokenizer.json is missing, or the files that it is made of")
    if reader.is_fast:
        return reader, Tokenizer.from_str(reader.backend_tokenizer.to_str())
    if (folder / SOURCE_PIECES).is_file():
        return reader, marian_tokenizer(folder)
    raise TrainingError(f"{folder} has a tokenizer that exists in Python only; it needs a tokenizer.json")


def _knows_nothing(reader: Any) -> bool:
    """Whether it has the few tokens of an empty one, which transformers makes of a folder that has no files of it."""
    try:
        empty = type(reader)()
    except Exception:  # of a kind that cannot be empty, each in a way of its own
        return False
    return _tokens(reader) <= _tokens(empty)


def _tokens(reader: Any) -> set[str]:
    """Those that its model has, without those that were added to it."""
    return set(reader.backend_tokenizer.get_vocab(with_added_tokens=False))
