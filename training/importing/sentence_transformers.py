"""The files that sentence-transformers keeps beside a network: how its tokens become one vector of a text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import TrainingError, refusing

MODULES, LIMITS, PROMPTS = "modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"
POOLINGS: Mapping[str, str] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""The ways of pooling by the names of their switches, in the order in which several are joined."""
UNSTATED = ("mean",)


@dataclass(frozen=True, slots=True)
class PooledReading:
    """The way to a vector: poolings, whose results are joined, and whether it is scaled to length one.

    `prompts` are texts that a caller may have put before his own, by name; `most_tokens` 0 if no file tells it.
    """

    poolings: Sequence[str] = UNSTATED
    has_unit_length: bool = False
    prompts: Mapping[str, str] | None = None
    most_tokens: int = 0
    is_stated: bool = False


def reading_of(folder: Path) -> PooledReading:
    """Return what the files in `folder` state. Raises TrainingError if it is what cannot be served."""
    if not (folder / MODULES).is_file():
        return PooledReading()
    with refusing(f"what sentence-transformers left in {folder} cannot be read"):
        return _stated_in(folder)


def _stated_in(folder: Path) -> PooledReading:
    modules = _read(folder / MODULES)
    kinds = [str(one.get("type", "")).rpartition(".")[2] for one in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]) or modules[0].get("path"):
        raise TrainingError(
            f"{folder / MODULES} has {', '.join(kinds)}; what can be imported is a Transformer in the folder itself, "
            "Pooling, and maybe Normalize"
        )
    pooling = _read(folder / str(modules[1].get("path")) / "config.json")
    limits, prompts = (_read(path) if (path := folder / name).is_file() else {} for name in (LIMITS, PROMPTS))
    if limits.get("do_lower_case"):
        raise TrainingError(f"{folder / LIMITS} has do_lower_case; let the tokenizer itself do it")
    named = {name: text for name, text in (prompts.get("prompts") or {}).items() if text}
    if prompts.get("default_prompt_name") or (named and pooling.get("include_prompt") is False):
        raise TrainingError(f"{folder / PROMPTS} has a prompt by default, or one that is not pooled; neither is served")
    return PooledReading(
        _poolings(pooling, folder), kinds[-1] == "Normalize", named, int(limits.get("max_seq_length") or 0), True
    )


def _poolings(config: Mapping[str, Any], folder: Path) -> Sequence[str]:
    stated = config.get("pooling_mode")
    if stated is not None:
        found = [stated] if isinstance(stated, str) else list(stated)
    else:
        found = [name for switch, name in POOLINGS.items() if config.get(switch)]
    if not found:
        raise TrainingError(f"the pooling of {folder} is not stated")
    return found


def _read(path: Path) -> Any:
    with refusing(f"{path} cannot be read"):
        return json.loads(path.read_text(encoding="utf-8"))
