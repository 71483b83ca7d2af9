"""The teacher of a smaller sentiment model: a published version, or one that is trained for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.repository.manifest import Source
from app.repository.repository import ModelRepository
from app.tasks.text_classification import TextClassification
from training.data.minilm import load_bert
from training.data.reading import Scores
from training.data.sentiment import LABELS, SOURCES
from training.data.sentiment_texts import SentimentTexts
from training.errors import TrainingError, progress
from training.graphs.bert_weights import read_classifier
from training.graphs.classifier import export_classifier, infer, open_variant
from training.networks.minilm import TextClassifier
from training.recipe import Run
from training.recipes.reviews_sentiment import RECIPE as TEACHER
from training.recipes.reviews_sentiment import fine_tune
from training.recipes.sentiment import SHIPPED, VERIFIED_TEXTS, typical

GRAPH = "model.onnx"  # of the teacher, in 8 bits


@dataclass(frozen=True, slots=True)
class Teacher:
    """`network` gives the student its first weights, the int8 graph among `files` answers; `notes` say what it is."""

    network: TextClassifier
    files: Mapping[str, Path]
    sources: tuple[Source, ...] = ()
    notes: str = "The teacher was trained beside it."


@dataclass(frozen=True, slots=True)
class TeacherAnswers:
    """The logits of a graph, which is opened when it is asked, so that processes may hand this on."""

    task: TextClassification
    files: Mapping[str, Path]

    def __call__(self, texts: Iterable[str]) -> Scores:
        return infer(self.task, open_variant(SHIPPED, self.files), texts)


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
    notes = (
        f"The teacher is reviews-sentiment, version {manifest.version}, as it was published: its int8 graph, and the "
        "weights that this keeps."
    )
    return Teacher(network, files, (source,), notes)


def trained(task: TextClassification, texts: SentimentTexts, run: Run) -> Teacher:
    folder = run.workdir / "teacher"
    network, _ = fine_tune(task, texts, replace(run, workdir=folder, set={}))
    folder.mkdir(exist_ok=True)
    files, _ = export_classifier(task, network, texts.test.text[:VERIFIED_TEXTS], typical(texts), folder)
    return Teacher(network, files)


def known(answers: TeacherAnswers, texts: Iterable[str], run: Run) -> Scores:
    """The answers of the teacher to the training texts, kept for a resumed run."""
    kept = run.workdir / "taught.npy"
    if not (run.resume and kept.exists()):
        progress("the teacher answers the training texts")
        whole = kept.with_name("whole.npy")
        np.save(whole, answers(texts))
        whole.replace(kept)  # or an interruption would leave a part of it
    found: Scores = np.load(kept)
    return found
