import pandas as pd
import pytest

from training.data.sentiment import DOMAINS, LABELS, fingerprint, load_sentiment, split_of
from training.errors import TrainingError


@pytest.fixture(scope="module")
def texts() -> pd.DataFrame:
    try:
        return load_sentiment()
    except TrainingError as error:
        pytest.skip(str(error))


def test_there_are_81505_texts_of_seven_domains(texts: pd.DataFrame) -> None:
    assert len(texts) == 81_505
    assert sorted(texts.domain.unique()) == list(DOMAINS)


def test_a_tenth_is_for_the_test_and_a_tenth_for_validation(texts: pd.DataFrame) -> None:
    assert texts.split.value_counts().to_dict() == {"train": 65_496, "test": 8_126, "validation": 7_883}


def test_every_domain_has_every_label_in_every_split(texts: pd.DataFrame) -> None:
    counts = texts.groupby(["domain", "split", "label"]).size()
    assert len(counts) == len(DOMAINS) * 3 * len(LABELS)
    assert counts.min() > 20


def test_no_near_duplicate_crosses_a_split(texts: pd.DataFrame) -> None:
    whole = texts[~texts.domain.isin(["amazon", "nyt"])]
    assert whole.groupby(whole.text.map(fingerprint)).split.nunique().max() == 1


@pytest.mark.parametrize(
    ("domain", "label", "low", "high"),
    [
        pytest.param("tweets", "negative", -4, -0.5, id="raters' mean, negative"),
        pytest.param("tweets", "positive", 0.5, 4, id="raters' mean, positive"),
        pytest.param("clothing", "negative", 1, 2, id="stars, negative"),
        pytest.param("clothing", "positive", 4, 5, id="stars, positive"),
        pytest.param("airline", "neutral", 0.6, 1, id="share of the vote"),
    ],
)
def test_ratings_agree_with_labels(domain: str, label: str, low: float, high: float, texts: pd.DataFrame) -> None:
    chosen = texts[(texts.domain == domain) & (texts.label == LABELS.index(label))]
    assert chosen.rating.dropna().between(low, high).all()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What a flight!", "what a flight"),
        ("RT @someone: What a flight", "what a flight"),
        ("What a flight http://t.co/abc", "What   a flight"),
    ],
)
def test_near_duplicates_share_a_fingerprint(one: str, other: str) -> None:
    assert fingerprint(one) == fingerprint(other)


def test_other_words_have_another_fingerprint() -> None:
    assert fingerprint("what a flight") != fingerprint("what a fright")


def test_splits_are_the_same_on_every_machine() -> None:
    assert [split_of(f"group {i}") for i in (0, 22, 25)] == ["train", "validation", "test"]
