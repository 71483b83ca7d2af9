import pandas as pd

from training.baselines.sentiment import majority_scores, tfidf_scores, vader_scores

TEXTS = ["I love it, wonderful", "The box is brown", "terrible, I hate it"]


def test_the_lexicon_tells_plain_praise_from_plain_blame() -> None:
    assert vader_scores(TEXTS).argmax(1).tolist() == [2, 1, 0]


def test_the_linear_baseline_learns_words() -> None:
    train = pd.DataFrame({"text": TEXTS * 3, "label": [2, 1, 0] * 3})
    assert tfidf_scores(train, TEXTS).argmax(1).tolist() == [2, 1, 0]


def test_the_majority_answers_each_text_with_the_most_frequent_label_and_side() -> None:
    train = pd.DataFrame({"text": ["a"] * 6, "label": [1, 1, 1, 2, 2, 0]})
    scores = majority_scores(train, 2)
    assert scores.argmax(1).tolist() == [1, 1]
    assert (scores[:, 2] > scores[:, 0]).all()


def test_the_lexicon_takes_no_side_where_it_knows_no_word() -> None:
    [scores] = vader_scores(["The box is brown"])
    assert scores[0] == scores[2]
