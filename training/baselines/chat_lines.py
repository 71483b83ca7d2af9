"""One line for a description as a chat model writes it, on a sample of the test: minutes, so it is a table."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from app.repository.repository import ModelRepository
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.tasks import task_of
from app.tasks.generation_schema import GenerationInput, GenerationParameters
from app.tasks.view import predict_alone
from training.baselines.one_sentence import LEAD, lead
from training.baselines.table import FOLDER, Table, kept_table, libraries, path_of
from training.card.markdown import table
from training.data.software_lines import DESCRIPTIONS, PACKAGES, Described, load_software_lines
from training.errors import TrainingError, progress
from training.measures.one_line import rouge_of, unsupported_of
from training.measures.rouge import NAMES
from training.recipe import Run

NAME, CHAT = "one-line-summarizer", "smollm2-instruct"
DATA_SHA256 = hashlib.sha256((PACKAGES.sha256 + DESCRIPTIONS.sha256).encode()).hexdigest()
SAMPLE = 100
SPLIT = f"test; {SAMPLE} descriptions drawn by a seed"
WISH = "Say in one line of at most ten words what this program is. Write the line and nothing else."
One = TypeVar("One")
GREEDY = GenerationParameters.model_validate({"temperature": 0.0, "max_new_tokens": 40})


def measure(workdir: Path, models: Path = Path("models")) -> Table:
    """Ask CHAT, which must be published in `models`. Raises TrainingError if it is not."""
    pairs = sample(load_software_lines(Run(workdir)).test)
    written = chat_lines([one.text for one in pairs], models)
    ways = {CHAT: written, LEAD: [lead(one.text) for one in pairs]}
    return Table(
        data_sha256=DATA_SHA256,
        split=SPLIT,
        figures={name: figures(lines, pairs) for name, lines in ways.items()},
        settings={CHAT: WISH},
        libraries=libraries("torchmetrics"),
    )


def beside_chat(written: Sequence[str], pairs: Sequence[Described]) -> dict[str, str]:
    """A section of a card: lines that were written for `pairs`, the test, on the sample; none without the table."""
    if not path_of(NAME, FOLDER).exists():
        return {}
    found = kept_table(NAME, data_sha256=DATA_SHA256, split=SPLIT).figures
    found = {NAME: figures(sample(written), sample(pairs)), **found}
    rows = [(name, *(f"{value:.3f}" for value in values.values())) for name, values in found.items()]
    return {f"Beside a chat model: {SPLIT}": table(("", *found[NAME]), rows)}


def sample(of_test: Sequence[One]) -> list[One]:
    return [of_test[i] for i in sorted(np.random.default_rng(1).permutation(len(of_test))[:SAMPLE])]


def figures(lines: Sequence[str], pairs: Sequence[Described]) -> dict[str, float]:
    scores = rouge_of(lines, [one.line for one in pairs]).mean(axis=0)
    unsupported = unsupported_of(lines, [one.text for one in pairs])
    return {
        **dict(zip(NAMES, map(float, scores), strict=True)),
        "unsupported_per_100": 100 * float(unsupported.mean()),
    }


def chat_lines(texts: Sequence[str], models: Path) -> list[str]:
    """The first line of each answer, greedily. Raises TrainingError."""
    repository = ModelRepository(models)
    versions = repository.versions(CHAT)
    if not versions:
        raise TrainingError(f"{models} has no {CHAT}: python -m training {CHAT}")
    manifest = repository.read(CHAT, max(versions))
    files, kind = repository.verify(manifest), task_of(manifest.task, manifest.config)
    view = kind.own(kind.open(manifest.config, files))
    options = RuntimeOptions(device="cpu", precision=manifest.precision)
    sessions = {graph: RUNTIMES[manifest.runtime](files[file], options) for graph, file in manifest.graphs.items()}
    written = []
    for number, text in enumerate(texts, 1):
        messages = [{"role": "user", "content": f"{text}\n\n{WISH}"}]
        item = GenerationInput.model_validate({"messages": messages})
        written.append((predict_alone(view, sessions, item, GREEDY).generated_text.strip() or "-").splitlines()[0])
        if number % 10 == 0:
            progress(f"{number} of {len(texts)} lines written by {CHAT}")
    return written
