"""A decoder of one's own, out of the files that the hub has of it, as transformers loads it."""

from pathlib import Path
from typing import Any

import transformers
from safetensors import SafetensorError

from training.data.reading_json import read_json
from training.errors import TrainingError, first_line
from training.networks.decoder import KINDS, Decoder

CONFIG = "config.json"
POSITIONS = ("default", "linear", "llama3", "yarn")  # ways to count positions that are tables, whatever the length


def load_decoder(folder: Path) -> Decoder:
    """The decoder in fp32. Raises TrainingError if it cannot be exported, or lacks weights."""
    config = read_json(folder / CONFIG)
    kind = str(config.get("model_type"))
    if kind not in KINDS:
        raise TrainingError(f"{folder} holds a {kind}; what can be exported is {', '.join(KINDS)}")
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
    stated = decoder.config
    if stated.hidden_act != "silu":
        raise TrainingError(f"{folder} has {stated.hidden_act} for a gate; only silu can be exported")
    if getattr(stated, "use_sliding_window", False):
        raise TrainingError(f"{folder} attends to a sliding window, which cannot be exported")
    if (positions := stated.rope_parameters["rope_type"]) not in POSITIONS:
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
