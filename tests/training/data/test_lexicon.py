import numpy as np
import pandas as pd
import pytest

from training.data.lexicon import TEMPLATES, Rewording, in_templates, load_lexicon
from training.errors import TrainingError

LEXICON = pd.DataFrame({"text": ["love", "hate", ":)", ":("], "rating": [3.2, -2.7, 2.0, -1.9]})
RATED = pd.DataFrame(
    {"text": ["I LOVE this!", "I hate this.", "made of wood", "home :)"], "rating": [3.0, -3.0, 0.1, 1.5]}
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def lexicon() -> pd.DataFrame:
    try:
        return load_lexicon()
    except TrainingError as error:
        pytest.skip(str(error))


def test_the_lexicon_rates_words_and_emoticons(lexicon: pd.DataFrame) -> None:
    ratings = lexicon.set_index("text").rating
    assert 7_400 < len(ratings) == len(set(ratings.index))
    assert ratings["love"] > 2 > -2 > ratings["hate"]
    assert ratings[":)"] > 1 > -1 > ratings[":("]
    assert ratings.between(-4, 4).all()


def test_an_entry_in_a_template_keeps_its_rating(rng: np.random.Generator) -> None:
    entries = in_templates(LEXICON, rng)
    assert entries.rating.tolist() == LEXICON.rating.tolist()
    for text, entry in zip(entries.text, LEXICON.text, strict=True):
        assert text in {template.format(entry) for template in TEMPLATES}


def test_no_template_has_a_mood_of_its_own() -> None:
    blank = pd.DataFrame({"text": ["table"], "rating": [0.0]})
    texts = {in_templates(blank, np.random.default_rng(seed)).text[0] for seed in range(200)}
    assert texts == {template.format("table") for template in TEMPLATES}


def test_reworded_texts_keep_all_but_the_words_of_the_lexicon(rng: np.random.Generator) -> None:
    loved, hated, wooden, home = Rewording(RATED, LEXICON, RATED.text).draw(rng).text
    entries = set(LEXICON.text)
    assert loved in {f"I {entry} this!" for entry in entries}
    assert hated in {f"I {entry} this." for entry in entries}
    assert home in {f"home {entry}" for entry in entries}
    assert len(wooden.split()) == 4  # nothing to replace, so something is put in
    assert set(wooden.split()) - entries == {"made", "of", "wood"}


def test_a_reworded_text_is_rated_as_its_words_suggest() -> None:
    rewording = Rewording(RATED, LEXICON, RATED.text)
    drawn = pd.concat([rewording.draw(np.random.default_rng(seed)) for seed in range(40)])
    rating = drawn.groupby("text").rating.first()
    assert rating["I love this!"] == pytest.approx(3.0, abs=0.5)
    assert rating["I hate this!"] < -1 < 1 < rating["home love"]
    assert rating.between(-4, 4).all()


def test_the_same_seed_rewords_the_same() -> None:
    rewording = Rewording(RATED, LEXICON, RATED.text)
    one, other = (rewording.draw(np.random.default_rng(3)) for _ in range(2))
    assert one.equals(other)
