"""A classifier of one's own texts by one's own labels, one or several each: an encoder, fine-tuned, in 8 bits.

`--source` names a CSV, JSON Lines or Parquet file, or a folder or data set of the hub with such; `--text` and `--label`
the columns; `--separator` what stands between several labels of a text. Some hundred texts take a minute or two. The
encoder is MiniLM-L6, or where the texts are not English multilingual-e5-small; `--set backbone=e5` says which.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from app.tasks.labels import sigmoid, softmax
from app.tasks.text_classification import TextClassification, TextClassificationConfig, TextClassificationKernel
from training.baselines.own_labels import TFIDF, baseline_scores
from training.card.intervals import HEADING
from training.card.own_labels import confusion, label_table, learning, sureness
from training.card.prose import Prose
from training.data.backbones import BACKBONES, LEAST_WHOLE, Backbone, backbone_for, whole_words
from training.data.own.labelled_texts import LabelledTexts, load_labelled_texts
from training.data.reading import encode
from training.errors import progress, say
from training.graphs.classifier import VARIANTS, calibrate, export_graphs
from training.loop.fit import LearningCurve
from training.loop.own_labels import OwnLabelsSettings, Targeted, learn_labels, weights_of
from training.measures.own_labels import answers_of, quality
from training.networks.minilm import TextClassifier
from training.recipe import Draft, Example, HeldOut, Recipe, Run, SettingsSearch, sampled
from training.recipes.sentiment import SHIPPED, VERIFIED_TEXTS, judge_variants

SETTINGS = OwnLabelsSettings()
TINY = OwnLabelsSettings(epochs=1, least_steps=1)
TYPICAL_TEXTS = 200  # from whose activations the int8 graph gets its scales
EXPLAINED_TEXTS = 20
EXAMPLE_TOKENS = 32  # of each at most
LIMITS = {
    "MiniLM-L6": "MiniLM reads English; of other languages it knows little more than names and numbers.",
    "multilingual-e5-small": "What it learned in one language it knows less well in another, and of that nothing was "
    "measured; its pretrained weights had 4 bits.",
}
PROSE = Prose(__name__)


def make(texts: LabelledTexts, run: Run) -> Draft:
    settings = run.chosen(SETTINGS, TINY)
    config = config_of(texts, settings)
    backbone, why = backbone_for(settings.backbone, texts.train.text)
    progress(why)
    task = load_task(config, backbone, run)
    network, curve = learn(task, backbone, texts, run, settings)
    why_not = ""
    if not texts.are_several:
        _, why_not = calibrate(task, network, labelled_by_one(texts.validation), run.workdir)
    typical = texts.train.text.sample(min(TYPICAL_TEXTS, len(texts.train)), random_state=run.seed)
    files, exported = export_graphs(task, network, texts.test.text[:VERIFIED_TEXTS], typical, run.workdir)
    progress("judging on the test split")
    logits = judge_variants(task, files, texts.test.text, [SHIPPED])[SHIPPED].scores
    probabilities = np.stack([(sigmoid if texts.are_several else softmax)(row) for row in logits])
    scores = {"": probabilities, **baseline_scores(texts)}
    answers = {name: answers_of(found, are_several=texts.are_several) for name, found in scores.items()}
    targets = texts.targets(texts.test)
    ours = answers.pop("")
    return Draft(
        description=f"Tells {'which' if texts.are_several else 'which one'} of {len(texts.labels)} labels a text has, "
        f"as in {texts.name}: {backbone.name}, fine-tuned, with int8 weights.",
        licence=texts.source.licence,
        files={"model.onnx": files["model.onnx"], config.tokenizer: run.workdir / config.tokenizer},
        graphs=VARIANTS[SHIPPED].graphs,
        config=config.model_dump(),
        exported=exported,
        metrics=quality(ours, answers, targets, texts.name, f"test, {len(texts.test):,} texts"),
        sources=[texts.source, backbone.source],
        # Sums differ in their last digits between processors; where that turns a code of 8 bits, more follows.
        examples=[Example({"text": text}, asked_with(settings), 0.05) for text in PROSE.items("Examples")],
        precision=SHIPPED,
        limits=[*foreign(backbone, texts), *PROSE.items("Limits", name=texts.name, encoder=LIMITS[backbone.name])],
        notes=f"{PROSE.text('Notes', name=backbone.name, epochs=len(curve.rows))} {why} {say(texts.remarks)} "
        f"{why_not}".strip(),
        sections={
            HEADING: sureness(ours, answers, targets),
            "By label": label_table(texts.labels, texts.targets(texts.train).sum(0), ours, answers, TFIDF, targets),
        },
        plots={
            **learning(curve, run.workdir),
            **({} if texts.are_several else confusion(texts.labels, ours, targets, run.workdir)),
        },
        has_own_data=True,
    )


def asked_with(settings: OwnLabelsSettings) -> dict[str, bool]:
    """The parameters of the examples, of which a model that reads few tokens reads the beginning."""
    return {} if settings.max_tokens >= EXAMPLE_TOKENS else {"truncate": True}


def config_of(texts: LabelledTexts, settings: OwnLabelsSettings) -> TextClassificationConfig:
    return TextClassificationConfig(
        labels=list(texts.labels),
        tokenizer="tokenizer.json",
        max_tokens=settings.max_tokens,
        function_to_apply="sigmoid" if texts.are_several else "softmax",
    )


def load_task(config: TextClassificationConfig, backbone: Backbone, run: Run) -> TextClassification:
    path = run.workdir / config.tokenizer
    path.write_text(backbone.tokenizer().to_str(), encoding="utf-8")
    return TextClassification(TextClassificationKernel(config, {config.tokenizer: path}))


def learn(
    task: TextClassification, backbone: Backbone, texts: LabelledTexts, run: Run, settings: OwnLabelsSettings
) -> tuple[TextClassifier, LearningCurve]:
    torch.manual_seed(run.seed)
    network = TextClassifier(backbone.load(), len(texts.labels))
    targets = texts.targets(texts.train)
    train, validation = (
        Targeted(encode(task, one.text), texts.targets(one)) for one in (texts.train, texts.validation)
    )
    weights = weights_of(targets, settings.balance, are_several=texts.are_several)
    progress(f"learning from {len(train):,} texts with {len(texts.labels)} labels")
    curve = learn_labels(network, train, validation, weights, run, settings, are_several=texts.are_several)
    return network, curve


def validation_loss(texts: LabelledTexts, run: Run) -> float:
    settings = run.chosen(SETTINGS, TINY)
    backbone, _ = backbone_for(settings.backbone, texts.train.text)
    task = load_task(config_of(texts, settings), backbone, run)
    return learn(task, backbone, texts, run, settings)[1].least("validation_loss")


def labelled_by_one(texts: pd.DataFrame) -> pd.DataFrame:
    return texts.assign(label=texts.labels.str[0].astype(int))


def foreign(backbone: Backbone, texts: LabelledTexts) -> list[str]:
    """A warning where MiniLM was asked for, and its vocabulary lacks many words of the texts."""
    share = whole_words(texts.train.text)
    if backbone is not BACKBONES["minilm"] or share >= LEAST_WHOLE:
        return []
    warning = f"Of the words of these texts {1 - share:.0%} are not in the vocabulary of MiniLM, which reads English."
    progress(f"WARNING: {warning}")
    return [warning]


def held_out(texts: LabelledTexts, run: Run) -> HeldOut:
    """Some of the test texts, on which explanations are judged."""
    return asked(texts, texts.test.text[: 2 if run.tiny else EXPLAINED_TEXTS].tolist())


def sample(texts: LabelledTexts, run: Run) -> HeldOut:
    return asked(texts, sampled(texts.test.text.tolist(), run))


def asked(texts: LabelledTexts, those: Sequence[str]) -> HeldOut:
    return HeldOut([{"text": text} for text in those], texts.name, f"test, {len(those)} texts")


RECIPE = Recipe(
    name="text-classifier",
    task=TextClassification.contract.name,
    load=load_labelled_texts,
    make=make,
    held_out=held_out,
    sample=sample,
    must_lead={"accuracy": "more", "macro_f1": "more"},
    settings=SETTINGS,
    tiny=TINY,
    search=SettingsSearch(validation_loss, "validation loss"),
    takes_source=True,
    takes_columns=("text", "label", "separator"),
)
