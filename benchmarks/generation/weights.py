"""The one model that all servers have, in the files that each reads, and the text that prompts are cut out of."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.generation.asks import FOLDER

MODEL = "smollm2-instruct"
HUB = FOLDER / "hub"
TEXT = FOLDER / "text.json"
UNKNOWN = "<|endoftext|>"  # some libraries want a token of what no token says

Say = Callable[[str], None]


class NotAvailable(Exception):
    """Why a peer cannot be measured here, in one line for the report."""


def prepare(say: Say) -> None:
    """Make under build/bench/generation whatever is not there yet: the model in fp32, as the hub has it, and the text.

    Raises TrainingError if the packages cannot be had.
    """
    if (HUB / "tokenizer.json").is_file() and TEXT.is_file():
        return
    say("weights as the hub has them, and the text of prompts")
    from app.generation.encoding import encode
    from training.data.held_out_news import load_held_out_news
    from training.data.language_model import load_language_model
    from training.recipes.smollm2_instruct import SMOLLM2

    FOLDER.mkdir(parents=True, exist_ok=True)
    model = load_language_model(SMOLLM2, None, FOLDER)
    model.network().save_pretrained(HUB)
    special = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>", "unk_token": UNKNOWN}
    stated = {"tokenizer_class": "PreTrainedTokenizerFast", **special}
    (HUB / "tokenizer_config.json").write_text(json.dumps(stated))
    ids = encode(model.tokenizer, "\n".join(load_held_out_news()))
    TEXT.write_text(json.dumps(ids))
    model.tokenizer.save(str(HUB / "tokenizer.json"))


def text() -> list[int]:
    """The tokens that prompts are cut out of."""
    found: list[int] = json.loads(TEXT.read_text())
    return found


def gguf() -> Path:
    """The published file, in 4 bits. Raises TrainingError."""
    from training.recipes.smollm2_instruct import SMOLLM2

    return SMOLLM2.fetch(FOLDER)


def converted(make: list[str], target: Path, say: Say) -> Path:
    """`target`, which the command `make` writes if it is not there. Raises NotAvailable."""
    if not target.exists():
        say(f"making {target}")
        if subprocess.run(["nice", "-n", "15", *make], check=False, stdout=sys.stderr).returncode:
            raise NotAvailable(f"{target.name} cannot be made here")
    return target
