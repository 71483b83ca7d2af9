"""Sentiment of English reviews and tweets in two layers, distilled from reviews-sentiment.

Of the test texts it gets .775 right in three classes and .899 of positive against negative, in 16.3 MB and 3.8 ms at 64
tokens; its teacher, version 3, .801 and .913, in 23.5 MB and 15.1 ms (both int8, one thread of an AMD EPYC with AVX2
only). Three epochs took 31 minutes of one core; before that the teacher answered the training texts in 14.

The teacher is the newest version of reviews-sentiment in `--models`, as it was published; or what that recipe left in
its working folder, which `--source` names. If there is neither, or for texts of one's own, it is trained first.
"""

from copy import deepcopy
from dataclasses import replace

import torch
from torch import nn

from app.tasks.text_classification import TextClassification
from training.baselines.sentiment import majority_scores, tfidf_scores, vader_scores
from training.data.sentiment_texts import SentimentTexts, load_texts
from training.errors import say
from training.loop.curriculum import Curriculum, Taught, curriculum_of
from training.loop.fine_tuning import Distillation, DistillationSettings
from training.loop.fit import LearningCurve, fit
from training.measures.verdict import MAJORITY
from training.networks.minilm import TextClassifier
from training.recipe import Draft, Recipe, Run
from training.recipes.sentiment import SHIPPED, held_out, judge_variants, load_task, sample, sentiment_draft
from training.recipes.sentiment_teacher import GRAPH, Teacher, TeacherAnswers, known, published, trained

SETTINGS = DistillationSettings()
TINY = DistillationSettings(epochs=1)
LAYERS = (0, 5)  # of the teacher, from which the student's start


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


def distil(
    task: TextClassification, teacher: Teacher, texts: SentimentTexts, run: Run
) -> tuple[TextClassifier, LearningCurve]:
    answers = TeacherAnswers(task, {GRAPH: teacher.files[GRAPH]})
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
