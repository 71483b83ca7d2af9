"""A decoder of two small layers under the name of the model: what the soak asks when it has no hours.

It has the tokenizer and the chat template of the model, and weights from nowhere: what a request leaves behind in our
service does not depend on how long its products take.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.generation.asks import FOLDER
from benchmarks.generation.weights import HUB, MODEL, Say

HIDDEN, LAYERS, HEADS = 64, 2, 4
LIKE_HUB = ("tokenizer.json", "tokenizer_config.json")


def small_models(say: Say) -> Path:
    """A repository with that decoder alone, made by the recipe as from anybody's folder."""
    models = FOLDER / "small-models"
    if not (models / MODEL).is_dir():
        say(f"making {models}")
        folder = _write_hub_folder(FOLDER / "small-hub")
        recipe = [sys.executable, "-m", "training", MODEL, "--source", str(folder), "--models", str(models)]
        subprocess.run(recipe, check=True, stdout=subprocess.DEVNULL)
    return models


def _write_hub_folder(folder: Path) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    config = LlamaConfig.from_pretrained(
        HUB,
        hidden_size=HIDDEN,
        intermediate_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        head_dim=HIDDEN // HEADS,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    for name in LIKE_HUB:
        shutil.copy(HUB / name, folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": config.eos_token_id}))
    return folder
