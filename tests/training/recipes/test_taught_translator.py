"""The recipes of translators that are trained here, on a few made-up texts."""

from pathlib import Path

import pytest
from published import built, opened

from app.repository.manifest import Source
from app.serving.loading import Loaded
from app.tasks.translation import TranslationInput, TranslationParameters
from app.tasks.view import predict_alone
from training.data.catalogues import Pair
from training.data.marian_students import EN_PT
from training.data.parallel_texts import ParallelTexts
from training.recipe import Recipe, Run
from training.recipes.taught_translator import COPY, LSTM, WORDS, Direction, draft
from training.recipes.translator_en_de import RECIPE as EN_DE
from training.recipes.translator_zh_en import RECIPE as ZH_EN

NOUNS = {"file": "Datei", "window": "Ansicht", "picture": "Grafik", "message": "Nachricht", "page": "Seite"}
VERBS = {"Open": "öffnen", "Close": "schließen", "Delete": "löschen", "Save": "sichern"}
PAIRS = [Pair(f"{verb} the {noun} now", f"{NOUNS[noun]} jetzt {VERBS[verb]}") for verb in VERBS for noun in NOUNS]
TEXTS = ParallelTexts(
    PAIRS[4:], PAIRS[:2], PAIRS[2:4], [Source(name="made up", version="1", licence="CC0-1.0")], {"read": 20}
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    direction = Direction("en", "de", "English into German", "de", EN_PT)
    recipe = Recipe(
        name="noise",
        task="translation",
        load=lambda run: TEXTS,
        make=lambda texts, run: draft(texts, direction, ["Open it."], run),
    )
    return built(recipe, Run(tmp_path_factory.mktemp("work"), tiny=True), tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def served(folder: Path) -> Loaded:
    return opened(folder.parents[1], "noise")


def test_it_is_measured_beside_an_lstm_a_dictionary_and_copying(served: Loaded) -> None:
    metrics = {metric.name: metric for metric in served.manifest.metrics}
    for split in ("", "validation_"):
        assert metrics[f"{split}bleu"].baselines.keys() == {COPY, WORDS, LSTM}
        above = metrics[f"{split}bleu"].value - metrics[f"{split}bleu"].baselines[LSTM]
        assert metrics[f"{split}bleu_over_lstm"].value == pytest.approx(above)
    assert metrics["chrf"].baselines[WORDS] > metrics["chrf"].baselines[COPY]


def test_what_is_published_answers(served: Loaded) -> None:
    assert len(served.manifest.golden) == 1
    (view, *_) = served.views
    answer = predict_alone(view, served.sessions, TranslationInput(text="Open it."), TranslationParameters())
    assert answer.sentences == 1


def test_the_card_shows_texts_and_counts(folder: Path) -> None:
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "| kept to learn from | 16 |" in card
    assert all(pair.translation in card for pair in TEXTS.test)


@pytest.mark.parametrize("recipe", [EN_DE, ZH_EN])
def test_what_is_not_well_above_copying_and_the_lstm_is_not_published(recipe: Recipe[ParallelTexts]) -> None:
    assert recipe.must_reach == {"bleu_over_copying": 15.0, "bleu_over_lstm": 5.0}
