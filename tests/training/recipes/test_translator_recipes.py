"""The recipes of translators, of a small student with random weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from generation_models import tokenizer
from tiny_translator import student

from app.repository.manifest import Source
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.loading import load
from training.build import build
from training.data.catalogues import Pair
from training.networks.marian_student import MarianStudent
from training.recipe import Draft, Recipe, Run
from training.recipes.translator import draft, quality, shown
from training.recipes.translator_en_pt import RECIPE as EN_PT
from training.recipes.translator_pt_en import RECIPE as PT_EN

PAIRS = [Pair("Enter a valid phone number.", "Informe um número."), Pair("Go back to it.", "Volte a ele.")]


@dataclass
class Small:
    """In the place of a packaged student."""

    folder: Path

    @property
    def source(self) -> Source:
        return Source(name="nowhere", version="0", licence="CC0-1.0")

    def load(self) -> tuple[MarianStudent, Path]:
        tokenizer().save(str(self.folder / "given.json"))
        return student(), self.folder / "given.json"


def made(folder: Path) -> Draft:
    folder.mkdir(exist_ok=True)
    small: Any = Small(folder)
    terms = {"source_lang": "en", "target_lang": "pt", "pairs": PAIRS, "examples": ["One. Two."]}
    return draft(small, Run(folder), description="Noise.", **terms)


def test_a_student_becomes_two_graphs_that_compute_as_torch_does(tmp_path):
    found = made(tmp_path)
    assert set(found.graphs) == {"encoder", "decoder"}
    assert found.exported.verification.batch_n < 1e-4
    assert found.config["start_id"] == tokenizer().get_vocab_size()
    assert {metric.name for metric in found.metrics} == {"bleu", "chrf"}
    assert all(set(metric.baselines) == {"the text as it is"} for metric in found.metrics)


def test_a_draft_is_published_and_served_with_its_golden_examples(tmp_path):
    recipe = Recipe(name="noise", task="translation", load=lambda run: None, make=lambda data, run: made(run.workdir))
    manifest = build(recipe, Run(tmp_path / "work"), tmp_path / "models")
    assert len(manifest.golden) == 1
    repository = ModelRepository(tmp_path / "models")
    loaded = load(manifest, lambda: repository.verify(manifest), RuntimeOptions(device="cpu", threads=1))
    assert loaded.stepping is not None
    assert loaded.stepping.cost.prompt_s(10) > 0


def test_quality_is_that_of_the_translations_beside_the_texts_as_they_are():
    pairs = [Pair("a cat sat on the mat", "um gato sentou no tapete"), Pair("it is late now", "agora já é tarde")]
    right = quality([pair.translation for pair in pairs], pairs)
    assert [(name, round(value), copied < 30) for name, value, copied in right] == [
        ("bleu", 100, True),
        ("chrf", 100, True),
    ]
    wrong = quality(["zzz", "zzz"], pairs)
    assert all(value < 5 for _, value, _ in wrong)


def test_the_shown_texts_are_drawn_by_a_seed():
    pairs = [Pair(f"text {i}", f"texto {i}") for i in range(40)]
    written = [pair.translation for pair in pairs]
    assert shown(written, pairs, 1) == shown(written, pairs, 1) != shown(written, pairs, 2)
    assert shown(written, pairs, 1).count("\n") == 11


@pytest.mark.parametrize("recipe", [EN_PT, PT_EN])
def test_what_is_not_good_enough_is_not_published(recipe):
    assert recipe.must_reach.keys() == {"bleu", "chrf"}
    assert min(recipe.must_reach.values()) > 0
