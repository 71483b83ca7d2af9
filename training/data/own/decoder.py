"""A decoder of one's own, out of the files that the hub has of it, as transformers loads it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import transformers
from safetensors import SafetensorError

from training.data.reading_json import read_json
from training.errors import TrainingError, first_line
from training.networks.decoder import KINDS, Decoder

CONFIG = "config.json"
# Settings that change what a decoder of each kind computes, with the values that are honoured, the default first.
HONOURED: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "llama": {"hidden_act": ["silu"]},
    "qwen2": {"hidden_act": ["silu"], "use_sliding_window": [False]},
    "gpt2": {
        "activation_function": ["gelu_new", "gelu"],
        "scale_attn_weights": [True],
        "scale_attn_by_inverse_layer_idx": [False],
        "reorder_and_upcast_attn": [False],
        "add_cross_attention": [False],
    },
}
POSITIONS = ("default", "linear", "llama3", "yarn")  # ways to count positions that are tables, whatever the length


def load_decoder(folder: Path) -> Decoder:
    """The decoder in fp32. Raises TrainingError if it cannot be exported, or lacks weights."""
    config = read_json(folder / CONFIG)
    kind = str(config.get("model_type"))
    if kind not in KINDS:
        raise TrainingError(f"{folder} holds a {kind}; what can be exported is {', '.join(KINDS)}")
    for name, honoured in HONOURED[kind].items():
        if (value := config.get(name, honoured[0])) not in honoured:
            known = " or ".join(map(json.dumps, honoured))
            raise TrainingError(f"{folder} has {name} {json.dumps(value)}; a {kind} can be exported with {known} only")
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        loaded: Any = KINDS[kind][1].from_pretrained(
            folder, local_files_only=True, dtype="float32", output_loading_info=True
        )
    except (OSError, RuntimeError, ValueError, TypeError, SafetensorError) as error:
        raise TrainingError(f"{folder} cannot be loaded as a {kind}: {first_line(error)}") from error
    decoder, notes = loaded
    if missing := sorted(notes["missing_keys"]):  # which would be drawn by chance
        raise TrainingError(f"{folder} lacks weights of a {kind}, such as {missing[0]}")
    turning = getattr(decoder.config, "rope_parameters", None)  # which GPT-2 does not have
    if turning and (positions := turning["rope_type"]) not in POSITIONS:
        raise TrainingError(f"{folder} has {positions} positions; what can be exported is {', '.join(POSITIONS)}")
    found: Decoder = decoder.eval()
    return found


def ends_of(decoder: Decoder, folder: Path) -> list[int]:
    """The ids of tokens that end an answer. Raises TrainingError if none is stated."""
    stated: Any = decoder.generation_config.eos_token_id if decoder.generation_config else None
    stated = decoder.config.eos_token_id if stated is None else stated
    if stated is None:
        raise TrainingError(f"{folder / CONFIG} does not state eos_token_id")
    return list(stated) if isinstance(stated, list) else [stated]
