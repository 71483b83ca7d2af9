"""Sentiment of English reviews and tweets in two layers, distilled from reviews-sentiment.

Of the test texts it gets .774 right in three classes and .898 of positive against negative, in 16.3 MB and 1.8 ms at 64
tokens; its teacher, version 2, .800 and .915, in 23.5 MB and 5.4 ms (both int8, one thread of an AMD EPYC).

The teacher is the newest version of reviews-sentiment in `--models`, as it was published; or what that recipe left in
its working folder, which `--source` names. If there is neither, or for texts of one's own, it is trained first.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from app.repository.manifest import Source
from app.repository.repository import ModelRepository
from app.tasks.text_classification import TextClassification
from training.baselines.sentiment import majority_scores, tfidf_scores, vader_scores
from training.data.minilm import load_bert
from training.data.reading import Scores
from training.data.sentiment import LABELS, SOURCES
from training.data.sentiment_texts import SentimentTexts, load_texts
from training.errors import TrainingError, progress, say
from training.graphs.bert_weights import read_classifier
from training.graphs.classifier import export_classifier, infer, open_variant
from training.loop.curriculum import Curriculum, Taught, curriculum_of
from training.loop.fine_tuning import Distillation, DistillationSettings
from training.loop.fit import LearningCurve, fit
from training.measures.verdict import MAJORITY
from training.networks.minilm import TextClassifier
from training.recipe import Draft, Recipe, Run
from training.recipes.reviews_sentiment import RECIPE as TEACHER
from training.recipes.reviews_sentiment import fine_tune
from training.recipes.sentiment import (
    SHIPPED,
    VERIFIED_TEXTS,
    held_out,
    judge_variants,
    load_task,
    sample,
    sentiment_draft,
    typical,
)

SETTINGS = DistillationSettings()
TINY = DistillationSettings(epochs=1)
LAYERS = (0, 5)  # of the teacher, from which the student's start
GRAPH = "model.onnx"  # of the teacher, in 8 bits


@dataclass(frozen=True, slots=True)
class Teacher:
    """`network` gives the student its first weights, the int8 graph among `files` answers; `notes` say what it is."""

    network: TextClassifier
    files: Mapping[str, Path]
    sources: tuple[Source, ...] = ()
    notes: str = "The teacher was trained beside it."


@dataclass(frozen=True, slots=True)
class Answers:
    """The logits of a graph, which is opened when it is asked, so that processes may hand this on."""

    task: TextClassification
    files: Mapping[str, Path]

    def __call__(self, texts: Iterable[str]) -> Scores:
        return infer(self.task, open_variant(SHIPPED, self.files), texts)


def make(texts: SentimentTexts, run: Run) -> Draft:
    task = load_task(run)
    teacher = published(run) if run.source is None else None
    teacher = teacher or trained(task, texts, run)
    student, curve = distil(task, teacher, texts, run)
    taught = judge_variants(task, teacher.files, texts.test.text, [SHIPPED])[SHIPPED]
    epochs = run.chosen(SETTINGS, TINY).epochs
    draft = sentiment_draft(
        task,
        student,
        curve,
        texts,
        {
            MAJORITY: majority_scores(texts.train, len(texts.test)),
            "VADER": vader_scores(texts.test.text),
            "TF-IDF + logistic regression": tfidf_scores(texts.train, texts.test.text),
            "teacher": taught.scores,
        },
        run,
        description=f"Sentiment of English {texts.kind}: negative, neutral or positive. Two layers, distilled from "
        "six, with int8 weights.",
        notes=f"{epochs} epochs of the teacher's curriculum. Its settings are first guesses. {teacher.notes} "
        f"{say(texts.remarks)}".strip(),
        beside={f"teacher, {SHIPPED}": taught},
    )
    return replace(draft, sources=[*draft.sources, *teacher.sources])


def published(run: Run) -> Teacher | None:
    """The newest version in the repository; None if there is none that learned from the packaged texts alone."""
    repository = ModelRepository(run.models)
    versions = repository.versions(TEACHER.name)
    if not versions:
        return None
    manifest = repository.read(TEACHER.name, versions[0])
    made = manifest.provenance
    if (
        made is None
        or "--source" in made.command
        or not {one.sha256 for one in SOURCES} <= {one.sha256 for one in made.sources}
    ):
        progress(f"{TEACHER.name} in {run.models} learned from other texts; a teacher is trained")
        return None
    files = repository.verify(manifest)
    try:
        network = read_classifier(files[GRAPH], TextClassifier(load_bert(), len(LABELS)))
    except (KeyError, ValueError) as error:
        raise TrainingError(f"{TEACHER.name} version {versions[0]} cannot teach: {error}") from error
    title = f"{TEACHER.name}, version {manifest.version}"
    progress(f"the teacher is {title}, of {run.models}")
    source = Source(
        name=f"{title}: its int8 graph",
        version=str(manifest.version),
        licence=manifest.licence,
        sha256=manifest.files[GRAPH].sha256,
        used_for="teacher, and the layers that the student starts from",
    )
    notes = f"The teacher is {title}, as it was published: its int8 graph, and the weights that this keeps."
    return Teacher(network, files, (source,), notes)


def trained(task: TextClassification, texts: SentimentTexts, run: Run) -> Teacher:
    folder = run.workdir / "teacher"
    network, _ = fine_tune(task, texts, replace(run, workdir=folder, set={}))
    folder.mkdir(exist_ok=True)
    files, _ = export_classifier(task, network, texts.test.text[:VERIFIED_TEXTS], typical(texts), folder)
    return Teacher(network, files)


def distil(
    task: TextClassification, teacher: Teacher, texts: SentimentTexts, run: Run
) -> tuple[TextClassifier, LearningCurve]:
    answers = Answers(task, {GRAPH: teacher.files[GRAPH]})
    taught = Taught(known(answers, texts.train.text, run), answers)
    torch.manual_seed(run.seed)
    settings = run.chosen(SETTINGS, TINY)
    module = Distillation(student_of(teacher.network), settings)
    curve = fit(
        module,
        curriculum_of(texts, task, run, taught).loader(settings.batch_size),
        run,
        epochs=settings.epochs,
        validation=Curriculum(task, texts.validation, most={}).loader(settings.batch_size),
    )
    return module.network, curve


def known(answers: Answers, texts: Iterable[str], run: Run) -> Scores:
    """What the teacher answers to the training texts, kept for a resumed run."""
    kept = run.workdir / "taught.npy"
    if not (run.resume and kept.exists()):
        progress("the teacher answers the training texts")
        whole = kept.with_name("whole.npy")
        np.save(whole, answers(texts))
        whole.replace(kept)  # or an interruption would leave a part of it
    found: Scores = np.load(kept)
    return found


def student_of(teacher: TextClassifier) -> TextClassifier:
    """A copy of the teacher with only LAYERS of its layers."""
    student = deepcopy(teacher)
    student.bert.encoder.layer = nn.ModuleList(student.bert.encoder.layer[i] for i in LAYERS)
    student.bert.config.num_hidden_layers = len(LAYERS)
    student.requires_grad_(True)
    return student


RECIPE = Recipe(
    name="reviews-sentiment-small",
    task=TextClassification.contract.name,
    load=load_texts,
    make=make,
    held_out=held_out,
    sample=sample,
    must_reach={"accuracy_3class": 0.75, "accuracy_pos_neg": 0.88},
    must_lead={"accuracy_3class": "more", "accuracy_pos_neg": "more"},
    may_trail=["teacher"],
    settings=SETTINGS,
    tiny=TINY,
    takes_source=True,
)
