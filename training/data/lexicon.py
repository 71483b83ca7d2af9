"""The lexicon of VADER, words and emoticons with the mean rating of ten people each, and texts made with it.

Hutto and Gilbert, "VADER", ICWSM 2014. What they put into rules becomes more to learn from.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # type: ignore[import-untyped]

from training.data.fetch.pypi import fetch
from training.data.sentiment import VADER

TEMPLATES = (
    "{}",
    "{}",
    "{}",
    "{}!",
    "so {}",
    "just {}",
    "is {}",
    "it's {}",
    "{} today",
    "lol {}",
    "@anonymous {}",
    "RT @anonymous {}",
)
PUNCTUATION = "!?.,;:'\"()"
UNSEEN = 0.3  # how often an entry counts as seen that no text has
LARGEST_RATING = 4.0


def load_lexicon() -> pd.DataFrame:
    """One row for each of 7,500 entries: `text` and `rating`, the mean of ten people, -4 to 4. Raises TrainingError."""
    path = fetch(VADER) / f"vaderSentiment-{VADER.version}" / "vaderSentiment" / "vader_lexicon.txt"
    lines = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    lexicon = pd.DataFrame(((text, float(rating)) for text, rating, *_ in lines), columns=["text", "rating"])
    return lexicon.drop_duplicates("text", ignore_index=True)


def in_templates(lexicon: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Each entry as a text of its own, in a template that says nothing; the rating stays."""
    chosen = rng.integers(len(TEMPLATES), size=len(lexicon))
    return lexicon.assign(text=[TEMPLATES[i].format(text) for i, text in zip(chosen, lexicon.text, strict=True)])


class Rewording:
    """Rated texts with other entries of the lexicon in the place of theirs.

    A text is given the rating of the original plus what VADER says of the change, in the unit of the ratings. So
    what people felt beyond the rules is kept, and the words learn to stand for each other.
    """

    def __init__(self, rated: pd.DataFrame, lexicon: pd.DataFrame, corpus: Iterable[str]) -> None:
        """`rated` has `text` and `rating`. Entries are drawn the likelier the more often `corpus` has them."""
        self._analyzer = SentimentIntensityAnalyzer()
        self._rated = rated
        self._entries = lexicon.text.tolist()
        self._known = set(self._entries)
        seen = Counter(self._entry(word) for text in corpus for word in text.split())
        weights = np.sqrt([UNSEEN + seen[entry] for entry in self._entries])
        self._weights = weights / weights.sum()
        self._compounds = np.array([self._compound(text) for text in rated.text])
        squares = self._compounds @ self._compounds
        self._unit = float(self._compounds @ rated.rating.to_numpy() / squares) if squares else 0.0

    def draw(self, rng: np.random.Generator) -> pd.DataFrame:
        """All texts, each reworded anew, with `text` and `rating`."""
        texts = [self._reword(text, rng) for text in self._rated.text]
        change = np.array([self._compound(text) for text in texts]) - self._compounds
        ratings = self._rated.rating.to_numpy() + self._unit * change
        return pd.DataFrame({"text": texts, "rating": ratings.clip(-LARGEST_RATING, LARGEST_RATING)})

    def _reword(self, text: str, rng: np.random.Generator) -> str:
        words = text.split()
        places = [i for i, word in enumerate(words) if self._entry(word) in self._known]
        new = self._sample(len(places) + 1, rng)
        for i, entry in zip(places, new[1:], strict=True):
            words[i] = words[i].lower().replace(self._entry(words[i]), entry)
        if not places:
            words.insert(int(rng.integers(len(words) + 1)), new[0])
        return " ".join(words)

    def _sample(self, number: int, rng: np.random.Generator) -> list[str]:
        chosen: npt.NDArray[np.int64] = rng.choice(len(self._entries), number, p=self._weights)
        return [self._entries[i] for i in chosen]

    def _entry(self, word: str) -> str:
        """Return the part of `word` to look up: an emoticon as it is, a word without punctuation around it."""
        word = word.lower()
        return word if word in self._known else word.strip(PUNCTUATION)

    def _compound(self, text: str) -> float:
        return float(self._analyzer.polarity_scores(text)["compound"])
