"""The folder of a model that somebody made with transformers, and all for which it is refused at once."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.repository.manifest import Source
from training.data.own.source import given
from training.data.own.weights import safetensors_of
from training.errors import TrainingError, refusing

CONFIG = "config.json"
FILES = ("*.json", "*.safetensors", "*.model", "*.spm", "*.jinja", "merges.txt", "vocab.txt", "pytorch_model*.bin")
CODE = "auto_map"  # names classes in Python files beside the configuration


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """`config` is what its `config.json` says; `name` and `source` are what everybody may read of it."""

    path: Path
    name: str
    config: dict[str, Any]
    source: Source


def open_folder(source: str) -> ModelFolder:
    """The folder `source`, or what the hub has of the id `source`, maybe with "@" and a commit.

    Raises TrainingError if it has no configuration, needs code of its own, or has no weights that can be read safely.
    """
    found = given(source, "model", FILES)
    path = found.folder / CONFIG
    if not path.is_file():
        raise TrainingError(f"{found.folder} has no {CONFIG}, so nothing tells which architecture it is")
    with refusing(f"{path} is not a JSON object"):
        config = dict(json.loads(path.read_text(encoding="utf-8")))
    if CODE in config:
        raise TrainingError(
            f"{path} names code of its own ({CODE}), which is never run; where transformers knows the architecture "
            f"without it, remove {CODE}"
        )
    weights = safetensors_of(found.folder)
    return ModelFolder(found.folder, found.name, config, found.source([*weights, path], "weights and tokenizer"))
