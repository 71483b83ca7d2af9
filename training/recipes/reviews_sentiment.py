"""Sentiment of English reviews and tweets: MiniLM-L6, fine-tuned, as an int8 graph of 23 MB.

Four epochs took forty minutes on two cores with `--precision bf16-mixed`, for processors that have bf16.
`--variants` publishes the fp32 graph and a bf16 program beside the int8 one. The trained weights stay in the working
folder; `--source` of a folder with such weights makes the version of them, without training. `--source` of a folder or
a dataset of the hub with `*.csv` (`text`, `label`) trains on those texts.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from app.tasks.text_classification import TextClassification
from training.baselines.sentiment import frozen_minilm_scores, lstm_scores, majority_scores, tfidf_scores, vader_scores
from training.card.prose import Prose
from training.data.minilm import load_bert
from training.data.reading import Scores
from training.data.sentiment import LABELS
from training.data.sentiment_texts import WEIGHTS, SentimentTexts, load_texts
from training.errors import TrainingError, first_line, progress, say
from training.loop.curriculum import Curriculum, curriculum_of
from training.loop.fine_tuning import FineTuning, FineTuningSettings
from training.loop.fit import LearningCurve, fit
from training.measures.verdict import MAJORITY
from training.networks.minilm import TextClassifier
from training.recipe import Draft, Recipe, Run, SettingsSearch
from training.recipes.sentiment import held_out, load_task, sample, sentiment_draft

SETTINGS = FineTuningSettings()
TINY = FineTuningSettings(epochs=1)
PROSE = Prose(__name__)


def make(texts: SentimentTexts, run: Run) -> Draft:
    task = load_task(run)
    network, curve = fine_tune(task, texts, run)
    save_file(network.state_dict(), run.workdir / WEIGHTS)
    notes = "Notes of given weights" if texts.weights else "Notes of own texts" if texts.is_own else "Notes"
    return sentiment_draft(
        task,
        network,
        curve,
        texts,
        baselines(task, texts, run),
        run,
        description=f"Sentiment of English {texts.kind}: negative, neutral or positive. MiniLM-L6 "
        f"{'with given weights' if texts.weights else f'fine-tuned on {texts.breadth}'}, with int8 weights.",
        notes=f"{PROSE.text(notes, epochs=run.chosen(SETTINGS, TINY).epochs)} {say(texts.remarks)}".rstrip(),
    )


def fine_tune(task: TextClassification, texts: SentimentTexts, run: Run) -> tuple[TextClassifier, LearningCurve]:
    """The network, trained, or with the weights that are given. Raises TrainingError."""
    torch.manual_seed(run.seed)
    network = TextClassifier(load_bert(), len(LABELS))
    if texts.weights:
        return load_weights(network, texts.weights), LearningCurve()
    settings = run.chosen(SETTINGS, TINY)
    module = FineTuning(network, settings)
    curve = fit(
        module,
        curriculum_of(texts, task, run).loader(settings.batch_size),
        run,
        epochs=settings.epochs,
        validation=Curriculum(task, texts.validation, most={}).loader(settings.batch_size),
    )
    return module.network, curve


def validation_loss(texts: SentimentTexts, run: Run) -> float:
    if texts.weights:
        raise TrainingError("with given weights nothing is learned: leave out --search")
    return fine_tune(load_task(run), texts, run)[1].last("validation_loss")


def load_weights(network: TextClassifier, path: Path) -> TextClassifier:
    """Raises TrainingError if they are none of such a network."""
    try:
        network.load_state_dict(load_file(path))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise TrainingError(f"{path} has no weights of this network: {first_line(error)}") from error
    return network.eval()


def baselines(task: TextClassification, texts: SentimentTexts, run: Run) -> dict[str, Scores]:
    """Return their scores of the test texts, kept for a resumed run; none learned from more than the training texts."""
    train, asked = texts.train, texts.test.text
    learners: dict[str, Callable[[], Scores]] = {
        MAJORITY: lambda: majority_scores(train, len(asked)),
        "VADER": lambda: vader_scores(asked),
        "TF-IDF + logistic regression": lambda: tfidf_scores(train, asked),
        "LSTM": lambda: lstm_scores(task, Curriculum(task, train, seed=run.seed, most=texts.most), asked, run),
        "frozen MiniLM + logistic regression": lambda: frozen_minilm_scores(task, train, asked),
    }
    scores = {}
    for number, (name, learner) in enumerate(learners.items()):
        kept = run.workdir / f"baseline-{number}.npy"
        if not (run.resume and kept.exists()):
            progress(f"baseline: {name}")
            whole = kept.with_name("baseline.npy")
            np.save(whole, learner())
            whole.replace(kept)  # or an interruption would leave a part of it
        scores[name] = np.load(kept)
    return scores


RECIPE = Recipe(
    name="reviews-sentiment",
    task=TextClassification.contract.name,
    load=load_texts,
    make=make,
    held_out=held_out,
    sample=sample,
    must_reach={"accuracy_3class": 0.80, "accuracy_pos_neg": 0.906},
    must_lead={"accuracy_3class": "more", "accuracy_pos_neg": "more"},
    settings=SETTINGS,
    tiny=TINY,
    search=SettingsSearch(validation_loss, "validation loss"),
    takes_source=True,
)
