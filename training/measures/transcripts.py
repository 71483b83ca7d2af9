"""Transcripts beside what was said: the share of words that are wrong."""

from collections.abc import Sequence

from torchmetrics.functional.text import word_error_rate
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from training.errors import TrainingError


def words_of(text: str) -> str:
    """English text as its words alone: lower case, figures for numbers, without marks and "um".

    Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, appendix C, but for British
    spelling, which stays.
    """
    normalized: str = EnglishTextNormalizer({})(text)  # type: ignore[no-untyped-call]
    return normalized


def error_rate(written: Sequence[str], spoken: Sequence[str]) -> float:
    """Words to be replaced, left out and put in, for each word that was said, over all texts. Raises TrainingError."""
    if not any(map(words_of, spoken)):
        raise TrainingError("there are no words to compare transcripts with")
    return float(word_error_rate(list(map(words_of, written)), list(map(words_of, spoken))))
