"""The share of a reference that a summary has (ROUGE), and how sure a difference between two ways of summarising is."""

from functools import lru_cache, partial
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt

from training.measures.intervals import ENDS

Scores = npt.NDArray[np.float64]
NAMES = ("rouge1", "rouge2", "rougeL")


class Rouge:
    """Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004): words, pairs of words, and the longest
    common subsequence, on Porter stems, as rouge-score has them; F1."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer
        from rouge_score.rouge_scorer import RougeScorer
        from rouge_score.tokenize import tokenize

        # The stemmer takes longer than all the rest, and words come again.
        stemmer = SimpleNamespace(stem=lru_cache(maxsize=None)(PorterStemmer().stem))
        words = SimpleNamespace(tokenize=lru_cache(maxsize=50_000)(partial(tokenize, stemmer=stemmer)))
        self._scorer = RougeScorer(list(NAMES), tokenizer=words)

    def __call__(self, reference: str, summary: str) -> Scores:
        """One value for each of NAMES, from 0 to 1."""
        found = self._scorer.score(reference, summary)
        return np.array([found[name].fmeasure for name in NAMES])


def mean_interval(values: Scores, *, resamples: int = 10_000) -> tuple[float, float]:
    """Return the ends of the 95 % interval of the mean of `values`: percentiles of resampled sets (Efron 1979)."""
    drawn = np.random.default_rng(0).integers(len(values), size=(resamples, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), ENDS)
    return float(low), float(high)
