"""The weights and the texts that all servers have, made under build/bench/imported if they are not there."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.generation.weights import Say

FOLDER = Path("build/bench/imported")
HUB, MODELS, TEXTS = FOLDER / "hub", FOLDER / "models", FOLDER / "texts.json"
MODEL, IN_8_BITS = "imported", "imported-int8"
NUM_LABELS, SEED, SPREAD = 5, 0, 0.5  # of the head's weights: so that answers differ
NUM_TEXTS, NUM_STORIES = 320, 80  # the stories of newspapers among them, which are longer
STORY_WORDS = (80, 300)

Scores = dict[str, float]
"""By label."""


def prepare(say: Say) -> None:
    """Make the weights, the texts with the right answers to them, and our version, tuned here.

    Raises TrainingError if the packages cannot be had.
    """
    if not (HUB / "model.safetensors").is_file():
        say("weights: MiniLM-L6 with a head drawn by chance")
        _write_hub()
    if not TEXTS.is_file():
        say("texts, and the answers of transformers to them")
        _write_texts()
    for name, options in ((MODEL, ()), (IN_8_BITS, ("--int8",))):
        if not (MODELS / name).is_dir():
            say(f"importing the folder into our service: {name}")
            command = [sys.executable, "-m", "training", "import", str(HUB), "--name", name, "--models", str(MODELS)]
            command += ["--workdir", str(FOLDER / "work" / name), *options]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def tune(cores: list[int], say: Say) -> None:
    """Let our service measure on these cores, once, how it runs the model."""
    command = ["taskset", "-c", ",".join(map(str, cores)), sys.executable, "-m", "app", "tune", "--if-missing"]
    environment = {**os.environ, "TESSERA_MODELS_DIR": str(MODELS.absolute())}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        if "chosen" in line:
            say(f"ours: {line.strip()}")


def known() -> list[tuple[str, Scores]]:
    """Each text with the scores of its labels, as transformers has them."""
    return [(text, scores) for text, scores in json.loads(TEXTS.read_text(encoding="utf-8"))]


def _write_hub() -> None:
    import torch
    from transformers import AutoTokenizer, BertForSequenceClassification

    from training.data.minilm import minilm_folder

    make: Any = BertForSequenceClassification  # transformers types neither all of its settings nor its classes' methods
    torch.manual_seed(SEED)
    network = make.from_pretrained(minilm_folder(), num_labels=NUM_LABELS, local_files_only=True)
    with torch.no_grad():
        network.classifier.weight.normal_(std=SPREAD)
    network.save_pretrained(HUB)
    tokenizer: Any = AutoTokenizer.from_pretrained(minilm_folder(), local_files_only=True)
    tokenizer.model_max_length = network.config.max_position_embeddings
    tokenizer.save_pretrained(HUB)


def _write_texts() -> None:
    import transformers

    make: Any = transformers.pipeline
    classify = make("text-classification", model=str(HUB), top_k=None)
    answered = [
        (text, {one["label"]: one["score"] for one in classify([text], truncation=True)[0]}) for text in _texts()
    ]
    TEXTS.write_text(json.dumps(answered), encoding="utf-8")


def _texts() -> list[str]:
    """Tweets, reviews and the beginnings of news stories, in an order by chance."""
    from training.data.held_out_news import load_held_out_news
    from training.data.sentiment import load_sentiment

    draw = random.Random(SEED)
    stories = [" ".join(one.split()[: draw.randint(*STORY_WORDS)]) for one in load_held_out_news()[:NUM_STORIES]]
    chosen = [*draw.sample(load_sentiment().text.tolist(), NUM_TEXTS - len(stories)), *stories]
    return draw.sample(chosen, len(chosen))
