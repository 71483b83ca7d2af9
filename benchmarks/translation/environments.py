"""The model and the sentences that all servers have, made under build/bench/translation if they are not there."""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from app.tasks.passages import parts_of
from benchmarks.generation.environments import python_of
from benchmarks.generation.weights import Say, converted
from benchmarks.translation.weights import UNKNOWN, write_model
from benchmarks.translations import LANGUAGE, descriptions, fetch_lists, pairs

FOLDER = Path("build/bench/translation")
HUB, SENTENCES = FOLDER / "hub", FOLDER / "sentences.json"
MODEL, STUDENT = "marian-copy", "translator-en-pt"
PEERS = Path(__file__).parents[1] / "peers"
PARAGRAPHS, SEED = 150, 7  # as benchmarks.translations draws them
PRECISIONS = ("fp32", "int8")


def prepare(student: Path, say: Say) -> None:
    """Make what all need: the weights with the tokens of `student`, the sentences, and our graphs of the weights."""
    if not (HUB / "tokenizer.json").is_file():
        say("weights")
        HUB.mkdir(parents=True, exist_ok=True)
        write_model(student / "tokenizer.json", HUB)
    if not SENTENCES.is_file():
        SENTENCES.write_text(json.dumps(_sentences(Tokenizer.from_file(str(HUB / "tokenizer.json")))))
    for precision in PRECISIONS:
        _publish(precision, say)


def sentences() -> list[str]:
    found: list[str] = json.loads(SENTENCES.read_text())
    return found


def tokens_of(texts: Sequence[str]) -> int:
    """Tokens of the answers to these texts, which are these texts, with their ends."""
    tokenizer = Tokenizer.from_file(str(HUB / "tokenizer.json"))
    return sum(len(one.ids) for one in tokenizer.encode_batch(list(texts)))


def models_of(precision: str) -> Path:
    return FOLDER / f"models-{precision}"


def ctranslate2_model(precision: str, say: Say) -> tuple[Path, Path]:
    """The interpreter that has CTranslate2, and the weights in its files. Raises NotAvailable."""
    python, target = python_of("ctranslate2", say), FOLDER / f"ct2-{precision}"
    [packages] = python.parents[1].glob("lib/python*/site-packages")
    make = [sys.executable, str(PEERS / "ctranslate2_weights.py"), str(HUB), str(target), str(packages)]
    return python, converted([*make, *(["int8"] if precision == "int8" else ["float32"])], target, say)


def _publish(precision: str, say: Say) -> None:
    """Publish the weights as a translator of one's own, and let our service choose how it runs them, once."""
    models = models_of(precision)
    if not (models / MODEL).is_dir():
        say(f"our graphs, {precision}")
        options = ["--source", str(HUB), "--name", MODEL, "--languages", "en,pt", "--models", str(models)]
        command = [sys.executable, "-m", "training", "own-translator", *options]
        subprocess.run(command + ["--variants"] * (precision == "int8"), check=True, stdout=subprocess.DEVNULL)
    tune = [sys.executable, "-m", "app", "tune", "--if-missing"]
    environment = {**os.environ, "TESSERA_MODELS_DIR": str(models.absolute())}
    done = subprocess.run(tune, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        if "chosen" in line:
            say(f"ours, {precision}: {line.strip()}")


def _sentences(tokenizer: Tokenizer) -> list[str]:
    """Those of Debian's descriptions that our service takes as one, and whose tokens are all known."""
    with tempfile.TemporaryDirectory() as folder:
        lists = fetch_lists(Path(folder) / "lists")
        every = sorted(set(pairs(descriptions(lists, "en"), descriptions(lists, LANGUAGE))))
    drawn = random.Random(SEED).sample(every, PARAGRAPHS)
    found = [part.text for pair in drawn for part in parts_of(pair.text) if part.is_said]
    return [text for text in dict.fromkeys(found) if _is_whole(text, tokenizer)]


def _is_whole(text: str, tokenizer: Tokenizer) -> bool:
    ids = tokenizer.encode(text).ids
    is_alone = [part.text for part in parts_of(text) if part.is_said] == [text]
    return is_alone and UNKNOWN not in ids and tokenizer.decode(ids) == text
