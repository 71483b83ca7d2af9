from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from line_recipe import names
from published import built, opened

from app.errors import InvalidInput
from app.repository.manifest import Manifest
from app.repository.repository import ModelRepository
from app.serving.loading import Loaded
from app.tasks.view import View, predict_json
from app.tensors import Session
from training.build import build
from training.data.chinese_reviews import split_without_copies
from training.errors import TrainingError
from training.measures.verdict import short_of
from training.recipe import Run
from training.recipes.reviews_sentiment_zh import CONFIG, RECIPE, validation_loss


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole way from a tiny slice to a published version."""
    folder = tmp_path_factory.mktemp("chinese")
    built(RECIPE, Run(folder / "work", tiny=True), folder / "models")
    return folder / "models"


@pytest.fixture(scope="module")
def served(root: Path) -> Loaded:
    return opened(root, RECIPE.name)


@pytest.fixture(scope="module")
def manifest(served: Loaded) -> Manifest:
    return served.manifest


@pytest.fixture(scope="module")
def task(served: Loaded) -> View[Any]:
    return served.views[0]


@pytest.fixture(scope="module")
def sessions(served: Loaded) -> Mapping[str, Session]:
    return served.sessions


def test_golden_examples_are_real_texts_and_are_answered(manifest: Manifest) -> None:
    assert manifest.golden


def test_the_card_has_both_baselines_all_kinds_and_what_was_tried(root: Path, manifest: Manifest) -> None:
    metrics = {metric.name: metric for metric in manifest.metrics}
    for name in ("accuracy", "accuracy_of_whole_reviews"):
        assert set(metrics[name].baselines) == {
            "majority class", "TF-IDF of characters + logistic regression", "naive Bayes",
        }  # fmt: skip
    assert 0 <= metrics["expected_calibration_error"].value <= 1
    assert manifest.verification
    assert manifest.card
    assert len(manifest.card.pictures) == 2
    card = (root / RECIPE.name / "1" / manifest.card.markdown).read_text(encoding="utf-8")
    for part in ("| books |", "| laptops, whole or a part |", "| over 100 characters |", "By number of training texts"):
        assert part in card
    assert "terms of the reviews themselves are unknown" in card


def test_a_resumed_run_is_judged_as_one_at_once(manifest: Manifest, tmp_path: Path) -> None:
    resumed = build(RECIPE, Run(tmp_path, tiny=True, resume=True), tmp_path / "models")
    assert resumed.metrics == manifest.metrics
    for file in ("model.onnx", CONFIG.tokenizer):
        assert resumed.files[file] == manifest.files[file]


def test_below_its_mark_it_is_not_published(manifest: Manifest) -> None:
    short = [metric.model_copy(update={"value": 0.8999}) for metric in manifest.metrics]
    assert short_of(short, RECIPE.must_reach) == ["accuracy is 0.8999 and must be 0.9000 (0.0001 short)"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("這家酒店的早餐很好，下次還會來住", id="traditional characters"),
        pytest.param("👍👍👍", id="emoji only"),
        pytest.param("very good laptop, HP NB!", id="Latin letters"),
        pytest.param("好", id="one character"),
        pytest.param("ＨＰ\u3000１２３", id="full width"),
        pytest.param("很好\ud83d", id="a lone surrogate"),
        pytest.param("床单\n\n很脏\t！", id="several lines"),
    ],
)
def test_any_text_gets_two_probabilities(text: str, task: View[Any], sessions: Mapping[str, Session]) -> None:
    answer = predict_json(task, sessions, {"text": text}, {})
    assert sorted(label["label"] for label in answer) == ["negative", "positive"]
    assert sum(label["score"] for label in answer) == pytest.approx(1, abs=1e-6)


def test_width_case_and_blanks_change_nothing(task: View[Any], sessions: Mapping[str, Session]) -> None:
    one, other = (predict_json(task, sessions, {"text": text}, {}) for text in ("ＨＰ  好\n用", " hp 好 用 "))
    assert one == other


@pytest.mark.parametrize("text", ["", "   ", "\u3000\n\t", "\u200b"])
def test_a_text_without_anything_in_it_is_refused(text: str, task: View[Any], sessions: Mapping[str, Session]) -> None:
    with pytest.raises(InvalidInput, match="the text is empty"):
        predict_json(task, sessions, {"text": text}, {})


def test_a_text_that_is_too_long_is_refused_or_its_beginning_is_used(
    task: View[Any], sessions: Mapping[str, Session]
) -> None:
    long = "这本书很好看" * 20_000
    with pytest.raises(InvalidInput, match=f"the model reads at most {CONFIG.max_tokens} tokens"):
        predict_json(task, sessions, {"text": long}, {})
    beginning = predict_json(task, sessions, {"text": long[: CONFIG.max_tokens - 1]}, {})
    assert predict_json(task, sessions, {"text": long}, {"truncate": True}) == beginning


def test_an_answer_does_not_depend_on_the_texts_beside_it(task: View[Any], sessions: Mapping[str, Session]) -> None:
    texts = ["好", "房间很小，早餐也差。" * 10, "屏幕不错，就是散热差"]
    rows = [task.preprocess(task.contract.Input(text=text), task.contract.Parameters()).rows[0] for text in texts]
    together = task.kernel.forward(sessions, task.kernel.collate(rows))["logits"]
    for alone, expected in zip(rows, together, strict=True):
        assert task.kernel.forward(sessions, task.kernel.collate([alone]))["logits"][0] == pytest.approx(
            expected, abs=1e-5
        )


def test_texts_of_ones_own_make_a_version_that_says_so(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    goods, verdicts = "书房锅鞋帽茶灯椅笔画", (("质量很差要求退货", "negative"), ("非常喜欢推荐购买", "positive"))
    rows = ["👍,positive", "👎,negative"]
    rows += [
        f"{goods[i % 10]}{goods[i // 10 % 10]}第{i}次{goods[i // 3 % 10]}{verdicts[i % 2][0]},{verdicts[i % 2][1]}"
        for i in range(300)
    ]
    (shop / "reviews.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    (tmp_path / "work").mkdir()
    build(RECIPE, Run(tmp_path / "work", source=str(shop)), tmp_path / "models")
    found = ModelRepository(tmp_path / "models").read(RECIPE.name, 1)
    assert [source.name for source in found.provenance.sources] == ["shop"]
    measured = {metric.name: metric for metric in found.metrics}
    assert measured["accuracy"].value > 0.97
    assert "accuracy_of_whole_reviews" not in measured
    card = (tmp_path / "models" / RECIPE.name / "1" / "card.md").read_text(encoding="utf-8")
    for word in ("hotel", "jieba", "2008"):
        assert word not in card
    assert "Text like that of shop; other texts" in card
    texts = [row.rpartition(",")[0] for row in rows[2:]]
    assert not names(tmp_path / "models" / RECIPE.name / "1", str(tmp_path), tmp_path.name, *texts)


def test_texts_without_letters_are_no_copies_of_each_other() -> None:
    texts = pd.DataFrame({"text": ["👍", "👎", "很好", "很好!"], "label": [1, 0, 1, 1]})
    assert split_without_copies(texts).text.tolist() == ["👍", "👎", "很好!"]


def test_too_few_texts_of_ones_own_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\n很好,positive\n很差,negative\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="too few texts: 2 without near duplicates"):
        RECIPE.load(Run(tmp_path, source=str(tmp_path)))


def test_a_search_is_told_the_loss_of_each_strength(tmp_path: Path) -> None:
    runs = [Run(tmp_path, tiny=True, set={"strength": strength}) for strength in ("20", "0.001")]
    texts = RECIPE.load(runs[0])
    usual, weak = (validation_loss(texts, run) for run in runs)
    assert 0 < usual < weak
