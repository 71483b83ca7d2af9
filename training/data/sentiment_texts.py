"""The texts of a sentiment model, to learn from and be judged on: the packaged ones, or one's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from app.repository.manifest import Source
from training.data.lexicon import load_lexicon
from training.data.own.source import given
from training.data.own.splits import SPLITS, in_splits
from training.data.own.tables import FETCHED, refuse
from training.data.own.texts import copy_key, in_given_splits, own_texts
from training.data.sentiment import LABELS, SOURCES, load_sentiment, split_of
from training.errors import TrainingError
from training.recipe import Run

MACRO = "macro"  # of all domains
WEIGHTS = "network.safetensors"
LEAST_TEXTS = 10  # of one's own, in each split
TINY, TINY_LEXICON = 12, 40  # texts of each domain and split, entries
# Texts of a domain in an epoch; else the largest domains would be most of what is learned. Of the others, all.
MOST_TEXTS = {"airline": 4_500, "cftweets": 5_000, "clothing": 4_000, "movie": 6_000}


@dataclass(frozen=True, slots=True)
class SentimentTexts:
    """The three splits, each with `domain`, `text`, `label` and `rating`; `kind` and `breadth` say what they are.

    One's own come without the lexicon, which is of tweets; `remarks` say what was done with them. `weights`: those that
    are given, and not trained.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    lexicon: pd.DataFrame | None
    sources: Sequence[Source] = SOURCES
    kind: str = "reviews, tweets and editorials"
    breadth: str = "seven domains"
    weights: Path | None = None
    remarks: Sequence[str] = ()

    @property
    def is_own(self) -> bool:
        return self.lexicon is None

    @property
    def most(self) -> Mapping[str, int]:
        """Texts of a domain that an epoch shows; of others all."""
        return {} if self.is_own else MOST_TEXTS


def load_texts(run: Run) -> SentimentTexts:
    """The packaged texts, or those of `run.source`; a few hundred of them for a tiny run. Raises TrainingError.

    One's own are tables with the columns `text` and `label` (one of LABELS), and perhaps `domain`. Splits that are
    given are kept; of one that is not, a tenth of the training texts is cut, chosen as in `load_sentiment`.
    """
    if not run.source:
        return _packaged(run)
    weights = Path(run.source, WEIGHTS)
    if not weights.is_file():
        return _own(run.source, run)
    found = given(run.source, "model", [WEIGHTS]).source([weights], "weights, as they were given")
    return replace(_packaged(run), sources=[*SOURCES, found], weights=weights)


def _packaged(run: Run) -> SentimentTexts:
    lexicon = load_lexicon()
    if run.tiny:
        lexicon = lexicon.sample(TINY_LEXICON, random_state=0)
    return SentimentTexts(*_splits(load_sentiment(), run), lexicon)


def _own(name: str, run: Run) -> SentimentTexts:
    found = given(name, "dataset", FETCHED)
    texts, files, remarks = own_texts(found.folder, LABELS, "domain")
    refuse(texts, texts.domain == MACRO, "domain", "a domain called as the mean of all")
    texts["rating"] = float("nan")  # nobody says how sure the labels are
    texts, more = in_given_splits(texts, texts.text.map(copy_key), split_of)
    sizes = texts.split.value_counts().reindex(SPLITS, fill_value=0)
    num_labels = texts[texts.split == "train"].label.nunique()
    if sizes.min() < LEAST_TEXTS or num_labels < 2:
        parts = ", ".join(f"{sizes[split]} for {split}" for split in SPLITS)
        raise TrainingError(
            f"{found.folder} has too few texts: {parts}, with {num_labels} of the labels to train on; at least "
            f"{LEAST_TEXTS} for each and two labels are needed"
        )
    domains = texts.domain.nunique()
    return SentimentTexts(
        *_splits(texts, run),
        lexicon=None,
        sources=[found.source(files, "training, validation and test")],
        kind=f"text like that of {found.name}",
        breadth=f"{domains} domain{'s' if domains > 1 else ''}",
        remarks=(*remarks, *more),
    )


def _splits(texts: pd.DataFrame, run: Run) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return in_splits(texts, tiny=run.tiny, most=TINY, of_each=["domain"])
