"""The tokenizer in a model's folder: as transformers has it, and as it is served."""

from pathlib import Path
from typing import Any

import transformers
from tokenizers import Tokenizer

from training.data.own.marian_tokenizer import SOURCE_PIECES, marian_tokenizer
from training.errors import TrainingError, first_line


def tokenizers_of(folder: Path) -> tuple[Any, Tokenizer]:
    """The tokenizer of `folder` in transformers, and the same one without it. Raises TrainingError if there is none."""
    try:
        reader: Any = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # transformers and tokenizers raise nothing more exact
        raise TrainingError(f"{folder} has no tokenizer that can be read: {first_line(error)}") from error
    if reader.is_fast:
        return reader, Tokenizer.from_str(reader.backend_tokenizer.to_str())
    if (folder / SOURCE_PIECES).is_file():
        return reader, marian_tokenizer(folder)
    raise TrainingError(f"{folder} has a tokenizer that exists in Python only; it needs a tokenizer.json")
