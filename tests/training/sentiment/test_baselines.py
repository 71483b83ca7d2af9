import pandas as pd

from training.sentiment.baselines import tfidf_scores, vader_scores

TEXTS = ["I love it, wonderful", "The box is brown", "terrible, I hate it"]


def test_the_lexicon_tells_plain_praise_from_plain_blame() -> None:
    assert vader_scores(TEXTS).argmax(1).tolist() == [2, 1, 0]


def test_the_linear_baseline_learns_words() -> None:
    train = pd.DataFrame({"text": TEXTS * 3, "label": [2, 1, 0] * 3})
    assert tfidf_scores(train, TEXTS).argmax(1).tolist() == [2, 1, 0]
