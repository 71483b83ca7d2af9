"""The worth of one line for a text: how near it is to what people wrote, and what it says that the text does not."""

from collections.abc import Sequence

import numpy as np
from torchmetrics.functional.text import rouge_score

from app.tasks.sentences import sentences
from app.tasks.unsupported import unsupported_places
from training.measures.intervals import Values, interval
from training.measures.rouge import NAMES, Scores

MOST_SENTENCES = 400


def rouge_of(lines: Sequence[str], references: Sequence[str]) -> Scores:
    """F1 of each line by NAMES, [lines, names], from 0 to 1, on whole words in small letters.

    Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004, as torchmetrics has it.
    """
    found = (rouge_score(line, reference, rouge_keys=NAMES) for line, reference in zip(lines, references, strict=True))
    return np.array([[float(one[f"{name}_fmeasure"]) for name in NAMES] for one in found])


def unsupported_of(lines: Sequence[str], texts: Sequence[str]) -> Values:
    """The number of names and numbers of each line that its text does not have, [checked lines]: of English texts."""
    found = (
        unsupported_places(line, [one.text for one in sentences(text, MOST_SENTENCES)[0]] or [text])
        for line, text in zip(lines, texts, strict=True)
    )
    return np.array([len(one) for one in found if one is not None], np.float64)


def gain(ours: Scores, others: Scores) -> tuple[float, float, float]:
    """The mean over NAMES of how much `ours` are above `others`, and the ends of its 95 % interval."""
    above = (ours - others).mean(axis=1)
    return (float(above.mean()), *interval(above))


def with_intervals(scores: Scores) -> list[tuple[str, float, float, float]]:
    """Each of NAMES: its mean, and the ends of its 95 % interval."""
    return [(name, float(one.mean()), *interval(one)) for name, one in zip(NAMES, scores.T, strict=True)]
