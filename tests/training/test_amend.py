"""Deletion curves of explanations: of models whose reasons are known, and of a version that is amended."""

import re
from pathlib import Path

import numpy as np
import pytest
from conftest import publish_sentiment, word_counting_graph, word_tokenizer
from references import texts

from app.repository.manifest import CardFiles, Metric, Provenance
from app.repository.repository import ModelRepository
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.catalogue import CATALOGUE, CatalogueItem
from app.tasks.recommendation import Recommendation, RecommendationConfig, RecommendationKernel
from app.tasks.text_classification import TextClassification, TextClassificationConfig, TextClassificationKernel
from app.tensors import Placement, Tensors
from training.amend import Published, main, source_of, write
from training.card.markdown import quality
from training.errors import TrainingError
from training.measures.deletion import NAME, area, faithfulness
from training.recipe import HeldOut, Recipe, Run, sampled

TEXTS = HeldOut(
    [{"text": "what a good film what a film what a film"}, {"text": "a film a film what bad a film a film a"}],
    "texts of one telling word",
    "test, 2 texts",
)


def test_the_area_is_the_mean_of_eleven_points():
    weights = np.array([4.0, 3, 2, 1])
    assert area(lambda kept: float(kept @ weights), np.array([0, 1, 2, 3])) == pytest.approx(
        np.mean([10, 10, 6, 6, 3, 3, 3, 1, 1, 0, 0]), abs=1.5
    )
    assert area(lambda kept: float(kept.all()), np.arange(20)) == pytest.approx(1 / 11)
    assert area(lambda kept: float(kept.any()), np.arange(20)) == pytest.approx(10 / 11)


def test_the_order_of_the_weights_deletes_a_score_sooner_than_random_ones(tmp_path: Path):
    config = TextClassificationConfig(labels=["negative", "positive"], tokenizer="t", max_tokens=64)
    task = TextClassification(TextClassificationKernel(config, {"t": word_tokenizer(tmp_path / "t.json")}))
    sessions = {"model": load_onnx(word_counting_graph(tmp_path / "m.onnx"), RuntimeOptions(device="cpu"))}
    (metric,) = faithfulness(task, sessions, TEXTS)
    assert metric.name == NAME
    assert metric.value == pytest.approx(0.5 + 0.38 / 11, abs=0.01)  # after the first of ten words it is a guess
    assert metric.value + 0.05 < metric.baselines["random order"] < 0.88
    assert metric.split.startswith(TEXTS.split)


class OneAfterTwo:
    """Wants item 1 after item 2, and of three items none more than another after anything else."""

    placement = Placement("cpu", "a test")

    def run(self, inputs: Tensors) -> Tensors:
        has_two = (inputs["item_ids"] == 2).any(axis=1)
        return {"scores": np.where(has_two[:, None], np.float32([0, 9, 0, 0]), np.float32(0))}


def test_the_score_is_that_of_the_item_and_not_of_padding_even_if_both_have_id_0(tmp_path: Path):
    items = [CatalogueItem(id=max(index - 1, 0), title=f"{index}", genres=[]) for index in range(4)]
    (tmp_path / "items.json").write_bytes(CATALOGUE.dump_json(items))
    task = Recommendation(
        RecommendationKernel(RecommendationConfig(max_history=2), {"items.json": tmp_path / "items.json"})
    )
    (metric,) = faithfulness(task, {"model": OneAfterTwo()}, HeldOut([{"history": [1]}], "three items", "test"))
    # Likely until the only reason goes, at the sixth of eleven points; then by popularity one of two.
    assert metric.value == pytest.approx((6 + 5 / 2) / 11, abs=0.01)


def published(root: Path, scratch: Path, card: str) -> Published:
    scratch.mkdir()
    old = (
        Metric(name="accuracy", value=0.5, dataset="d", split="s"),
        Metric(name=NAME, value=1, dataset="d", split="s"),
    )
    (scratch / "card.md").write_text(card.format(quality="\n\n".join(quality(old))))
    manifest = publish_sentiment(
        root, scratch, more_files={"card.md": scratch / "card.md"}, metrics=old, card=CardFiles()
    )
    return Published(root / manifest.name / "1", manifest)


def test_new_figures_replace_the_old_ones_in_the_manifest_and_on_the_card(tmp_path: Path):
    version = published(tmp_path / "models", tmp_path / "scratch", "# Card\n\n{quality}\n\n## Limits\n\n- none\n")
    new = Metric(name=NAME, value=0.25, dataset="d", split="s", baselines={"random order": 0.75})
    write(version, [new])
    repository = ModelRepository(tmp_path / "models")
    manifest = repository.read(version.manifest.name, 1)
    assert manifest.metrics == (version.manifest.metrics[0], new)
    repository.verify(manifest)
    card = repository.read_file(manifest, "card.md").decode()
    assert re.findall(rf"\| {NAME} .*", card) == [f"| {NAME} | d | **0.25** | 0.75 |"]
    assert card.startswith("# Card\n\nSplit: s.")
    assert card.endswith("## Limits\n\n- none\n")


def test_a_card_that_somebody_changed_is_left_as_it_is(tmp_path: Path):
    version = published(tmp_path / "models", tmp_path / "scratch", "# My own card\n")
    with pytest.raises(TrainingError, match="other figures"):
        write(version, [Metric(name=NAME, value=0.25, dataset="d", split="s")])
    assert ModelRepository(tmp_path / "models").read(version.manifest.name, 1) == version.manifest


def test_a_model_without_inputs_to_explain_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["article-summarizer", "--models", str(tmp_path)]) == 1
    assert "article-summarizer" in capsys.readouterr().err


def test_a_model_that_no_recipe_made_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    manifest = publish_sentiment(tmp_path / "models", tmp_path / "scratch")
    assert main([manifest.name, "--models", str(tmp_path / "models")]) == 1
    assert "was not made by a recipe" in capsys.readouterr().err


def test_a_version_of_ones_own_data_is_measured_on_that():
    assert source_of("python -m training movielens-recommender --seed 0 --source 'my shop' --name shop") == "my shop"
    assert source_of("python -m training movielens-recommender --seed 0") is None


def test_data_of_ones_own_must_be_named_again_since_the_card_does_not_say_where_it_lies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    made = Provenance(
        recipe="reviews-sentiment", command="python -m training reviews-sentiment --source shop", created="2026-11-29"
    )
    manifest = publish_sentiment(tmp_path / "models", tmp_path / "scratch", provenance=made)
    assert main([manifest.name, "--models", str(tmp_path / "models")]) == 1
    assert "'shop'; say with --source where that lies" in capsys.readouterr().err


def test_a_version_that_cannot_be_read_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    manifest = publish_sentiment(tmp_path / "models", tmp_path / "scratch")
    (tmp_path / "models" / manifest.name / "1" / "manifest.json").write_text("{}")
    assert main([manifest.name, "--models", str(tmp_path / "models")]) == 1
    assert capsys.readouterr().err.startswith("error: manifest.json: ")


def test_a_reference_is_added_to_the_manifest_and_the_version_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    made = Provenance(recipe="reviews-sentiment", command="python -m training reviews-sentiment", created="2026-11-29")
    before = publish_sentiment(tmp_path / "models", tmp_path / "scratch", provenance=made)
    asked = [*texts(150), {"text": ""}, {"text": "film " * 99}]  # the last two are refused
    recipe = Recipe(
        "reviews-sentiment",
        before.task,
        load=lambda run: asked,
        make=lambda data, run: pytest.fail("nothing is trained"),
        sample=lambda data, run: HeldOut(sampled(data, run), "texts by chance", f"test, {len(data)}"),
    )
    monkeypatch.setattr("training.amend.load_recipe", lambda name: recipe)
    arguments = [before.name, "--models", str(tmp_path / "models"), "--reference"]
    assert main(arguments) == 0
    assert "8 measures of 150 answers on texts by chance" in capsys.readouterr().err
    after = ModelRepository(tmp_path / "models").read(before.name, 1)
    assert after.reference is not None
    assert after.model_copy(update={"reference": None}) == before
    del asked[99:]
    assert main(arguments) == 1
    assert "too few questions" in capsys.readouterr().err


def test_a_tiny_run_samples_a_hundred_evenly():
    items = list(range(5000))
    assert len(sampled(items, Run(Path()))) == 1000
    assert sampled(items, Run(Path(), tiny=True)) == items[::50]
    assert sampled(items[:7], Run(Path())) == items[:7]
