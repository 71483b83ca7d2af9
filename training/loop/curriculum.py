"""The texts that an epoch shows, and how sure it is of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from app.tasks.text_classification import TextClassification
from app.tensors import Tensors
from training.data.lexicon import Rewording, in_templates
from training.data.reading import Scores, encode
from training.data.sentiment import LABELS
from training.data.sentiment_texts import MOST_TEXTS, SentimentTexts
from training.loop.text_batches import LengthSorted, Row, padded
from training.recipe import Run

RATER_SPREAD = 0.5  # standard deviation that we give the mean rating of a snippet
SMOOTHING = 0.03  # of every target, spread over the labels
Lessons = Callable[[np.random.Generator], pd.DataFrame]
"""More texts, with `text` and `rating`, drawn anew for each epoch, as many each time."""


@dataclass(frozen=True, slots=True)
class Taught:
    """The answers of a teacher: logits [texts, labels] of the texts of a curriculum, and `ask` for those of lessons."""

    answers: Scores
    ask: Callable[[Iterable[str]], Scores]


class Curriculum(Dataset[Row]):
    """The texts of one epoch: of every domain the next of a random order, and the `lessons` of that epoch.

    `set_epoch` changes them; their number stays. A target is fp32 [labels]; of what is `taught` [2, labels], the second
    of which are the logits of the teacher.
    """

    def __init__(
        self,
        task: TextClassification,
        texts: pd.DataFrame,
        lessons: Lessons | None = None,
        *,
        seed: int = 0,
        most: Mapping[str, int] = MOST_TEXTS,
        taught: Taught | None = None,
    ) -> None:
        self._task = task
        self._lessons = lessons
        self._seed = seed
        self._taught = taught
        self._rows = encode(task, texts.text)
        self._targets = soft_targets(texts)
        if taught:
            self._targets = with_logits(self._targets, taught.answers)
        self._epoch: int | None = None
        rng = np.random.default_rng(seed)
        self._orders: list[tuple[npt.NDArray[np.intp], int]] = []  # of a domain, and how many of it an epoch shows
        for domain in sorted(texts.domain.unique()):
            indices = np.flatnonzero(texts.domain == domain)
            self._orders.append((rng.permutation(indices), min(most.get(domain, len(indices)), len(indices))))
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        if epoch == self._epoch:
            return
        self._epoch = epoch
        rng = np.random.default_rng([self._seed, epoch])
        shown = np.concatenate(
            [order.take(range(epoch * count, (epoch + 1) * count), mode="wrap") for order, count in self._orders]
        )
        self._shown: list[Tensors] = [self._rows[i] for i in shown]
        self._shown_targets = self._targets[torch.from_numpy(shown)]
        if self._lessons:
            lessons = self._lessons(rng)
            self._shown += encode(self._task, lessons.text)
            targets = smoothed(rated(lessons.rating))
            if self._taught:
                targets = with_logits(targets, self._taught.ask(lessons.text))
            self._shown_targets = torch.cat([self._shown_targets, targets])
        self.lengths: npt.NDArray[np.int64] = np.array([len(row["input_ids"]) for row in self._shown])

    def __len__(self) -> int:
        return len(self._shown)

    def __getitem__(self, index: int) -> Row:
        return torch.from_numpy(self._shown[index]["input_ids"]), self._shown_targets[index]

    def loader(self, batch_size: int) -> DataLoader[Row]:
        return DataLoader(self, batch_sampler=LengthSorted(self, batch_size), collate_fn=padded)


class LexiconLessons:
    """Extra lessons of an epoch: the rated tweets once more and once reworded, and a half of the lexicon."""

    def __init__(self, texts: pd.DataFrame, lexicon: pd.DataFrame) -> None:
        self._tweets = texts.loc[texts.domain == "tweets", ["text", "rating"]]
        self._lexicon = lexicon
        self._rewording = Rewording(self._tweets, lexicon, texts.text)

    def __call__(self, rng: np.random.Generator) -> pd.DataFrame:
        entries = self._lexicon.sample(frac=0.5, random_state=rng)
        return pd.concat([self._tweets, self._rewording.draw(rng), in_templates(entries, rng)], ignore_index=True)


def curriculum_of(
    texts: SentimentTexts, task: TextClassification, run: Run, taught: Taught | None = None
) -> Curriculum:
    """Return what a run shows of `texts`, and of their lexicon where they have one."""
    lessons = None if texts.lexicon is None else LexiconLessons(texts.train, texts.lexicon)
    return Curriculum(task, texts.train, lessons, seed=run.seed, most=texts.most, taught=taught)


def with_logits(targets: Tensor, logits: Scores) -> Tensor:
    """Return both, fp32 [texts, 2, labels]."""
    return torch.stack([targets, torch.from_numpy(np.asarray(logits, np.float32))], 1)


def soft_targets(texts: pd.DataFrame) -> Tensor:
    """Probabilities [texts, labels]: how sure the people who rated each text were, fp32."""
    ratings = torch.tensor(texts.rating.to_numpy(np.float32))
    given = torch.nn.functional.one_hot(torch.tensor(texts.label.to_numpy()), len(LABELS)).float()

    # A vote: its share, halfway to certain, for a majority is right more often than each of its voters.
    sure = (0.5 + 0.5 * ratings).nan_to_num(nan=1.0).unsqueeze(1)
    voted = given * sure + (1 - given) * (1 - sure) / (len(LABELS) - 1)

    # Stars: four are sometimes meant as lukewarm, three are hardly ever praise.
    by_stars = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0.9, 0.1, 0], [0.1, 0.8, 0.1], [0, 0.15, 0.85], [0, 0, 1]])
    starred = by_stars[ratings.nan_to_num().clamp(0, 5).long()]

    # One's own texts are like votes that state no share.
    kinds = {"clothing": 0, "airline": 1, "cftweets": 1, "amazon": 2, "movie": 2, "nyt": 2, "tweets": 2}
    kind = texts.domain.map(kinds).where(texts.rating.notna(), 1).astype(int)
    chosen = torch.stack([starred, voted, rated(texts.rating)])[torch.tensor(kind.to_numpy()), torch.arange(len(texts))]
    return smoothed(chosen)


def rated(ratings: pd.Series) -> Tensor:
    """Return what another panel might have said where the mean was this, -4 to 4: probabilities [texts, labels]."""
    mean = torch.tensor(ratings.to_numpy(np.float32))
    negative = torch.special.ndtr((-0.5 - mean) / RATER_SPREAD)
    positive = torch.special.ndtr((mean - 0.5) / RATER_SPREAD)
    return torch.stack([negative, 1 - negative - positive, positive], 1)


def smoothed(targets: Tensor) -> Tensor:
    return (1 - SMOOTHING) * targets + SMOOTHING / len(LABELS)
