"""The tables and pictures of a card on labels that a user chose."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sklearn.metrics import confusion_matrix

from app.tensors import Array
from training.card import plots
from training.card.intervals import intervals_table
from training.card.markdown import table
from training.loop.fit import LearningCurve
from training.measures.intervals import Figure, as_values
from training.measures.own_labels import Answers, by_label, right

MOST_DRAWN = 40  # labels of a confusion matrix that can be read


def sureness(ours: Answers, beside: Mapping[str, Answers], targets: Array) -> str:
    """Markdown: the accuracy with its interval, and the lead over the best of the others."""
    others = {name: as_values(right(found, targets)) for name, found in beside.items()}
    return intervals_table([Figure("accuracy", as_values(right(ours, targets)), others)])


def label_table(
    labels: Sequence[str], learned: Array, ours: Answers, beside: Mapping[str, Answers], of: str, targets: Array
) -> str:
    """Markdown: of each label how many there were to learn from, the figures of the test, and F1 of the other `of`."""
    rows = [
        (name, f"{count:.0f}", str(asked), f"{precision:.3f}", f"{recall:.3f}", f"**{f1:.3f}**", f"{other[2]:.3f}")
        for name, count, (precision, recall, f1, asked), other in zip(
            labels, learned, by_label(ours, targets), by_label(beside[of], targets), strict=True
        )
    ]
    return table(("label", "learned", "tested", "precision", "recall", "F1", f"F1 of {of}"), rows)


def learning(curve: LearningCurve, workdir: Path) -> dict[str, Path]:
    panels = {"loss": ["loss", "validation_loss"]}
    path = plots.learning_curves(curve.rows, panels, workdir / "learning.png")
    return {"Loss of each epoch, in training and of the validation": path}


def confusion(labels: Sequence[str], ours: Answers, targets: Array, workdir: Path) -> dict[str, Path]:
    """Where each has one label; nothing of more labels than can be read."""
    if len(labels) > MOST_DRAWN:
        return {}
    said = confusion_matrix(targets.argmax(1), ours.argmax(1), labels=range(len(labels)))
    path = plots.confusion_matrix(said, labels, workdir / "confusion.png")
    return {"What was said of what was true, in the test": path}
