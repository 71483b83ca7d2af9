from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer

from app.repository.manifest import Manifest
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.base import predict_alone
from app.tasks.labels import softmax
from app.tasks.text_classification import TextClassification, TextClassificationParameters, TextInput
from training.recipe import Run, TrainingError, build
from training.recipes.reviews_sentiment import (
    EXAMPLES,
    RECIPE,
    accuracies,
    encode,
    epochs,
    length_sorted,
    soft_targets,
    tfidf_scores,
    vader_scores,
    write_tokenizer,
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a version that was trained on a few hundred texts."""
    models = tmp_path_factory.mktemp("models")
    try:
        build(RECIPE, Run(tmp_path_factory.mktemp("work"), tiny=True), models)
    except TrainingError as error:
        pytest.skip(str(error))
    return models


@pytest.fixture(scope="module")
def folder(models: Path) -> Path:
    return models / RECIPE.name / "1"


@pytest.fixture(scope="module")
def manifest(folder: Path) -> Manifest:
    return Manifest.model_validate_json((folder / "manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def task(folder: Path, manifest: Manifest) -> TextClassification:
    config = TextClassification.Config.model_validate(manifest.config)
    return TextClassification(config, {name: folder / name for name in manifest.files})


@pytest.fixture(scope="module")
def sessions(folder: Path, manifest: Manifest) -> dict[str, object]:
    return {name: load_onnx(folder / file, RuntimeOptions(device="cpu")) for name, file in manifest.graphs.items()}


def test_the_graph_is_at_most_25_megabytes(manifest: Manifest) -> None:
    assert manifest.precision == "int8"
    assert manifest.files["model.onnx"].size <= 25e6


def test_every_figure_it_must_reach_is_measured_beside_its_baselines(manifest: Manifest) -> None:
    measured = {metric.name: metric for metric in manifest.metrics}
    for name in RECIPE.must_reach:
        assert set(measured[name].baselines) == {"VADER", "TF-IDF + logistic regression"}
        assert f"{name}_of_fp32" in measured


def test_golden_examples_answer_all_three_labels(manifest: Manifest) -> None:
    assert [golden.input["text"] for golden in manifest.golden] == list(EXAMPLES)
    for golden in manifest.golden:
        assert sorted(one["label"] for one in golden.output) == ["negative", "neutral", "positive"]


def test_int8_answers_as_fp32_does_on_nearly_every_text(manifest: Manifest) -> None:
    assert next(metric.value for metric in manifest.metrics if metric.name == "agreement_with_fp32") > 0.9


def test_an_answer_does_not_depend_on_the_texts_beside_it(
    task: TextClassification, sessions: dict[str, object]
) -> None:
    texts = ["good", "what a good film " * 20, "the parcel was late and nobody answered"]
    together = task.run(sessions, encode(task, texts))  # type: ignore[arg-type]
    for text, answer in zip(texts, together, strict=True):
        alone = predict_alone(task, sessions, TextInput(text=text), TextClassificationParameters())  # type: ignore[arg-type]
        scores = {label.label: label.score for label in alone}
        expected = [scores[label] for label in ("negative", "neutral", "positive")]
        assert softmax(answer["logits"]) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("domain", "label", "rating", "expected"),
    [
        pytest.param("movie", 2, 3.5, [0, 0, 1], id="raters agree"),
        pytest.param("movie", 1, 0.3, [0.05, 0.6, 0.35], id="raters are nearly divided"),
        pytest.param("airline", 0, 1.0, [1, 0, 0], id="all voted the same"),
        pytest.param("cftweets", 1, 0.6, [0.1, 0.8, 0.1], id="a narrow vote"),
        pytest.param("cftweets", 1, np.nan, [0, 1, 0], id="a vote without a share"),
        pytest.param("clothing", 2, 4.0, [0, 0.15, 0.85], id="four stars"),
        pytest.param("clothing", 0, 1.0, [1, 0, 0], id="one star"),
    ],
)
def test_targets_are_as_sure_as_the_people_who_rated(
    domain: str, label: int, rating: float, expected: list[float]
) -> None:
    targets = soft_targets(pd.DataFrame({"domain": [domain], "label": [label], "rating": [rating]}))
    assert targets[0].tolist() == pytest.approx(expected, abs=0.03)
    assert float(targets.sum()) == pytest.approx(1)
    assert targets.dtype == torch.float32


def test_an_epoch_takes_at_most_its_share_of_each_domain_and_goes_on_where_the_last_one_stopped() -> None:
    domains = pd.Series(["large"] * 13_000 + ["small"] * 10)
    first, second = epochs(domains, 2, np.random.default_rng(0))
    for chosen in (first, second):
        assert domains[chosen].value_counts().to_dict() == {"large": 6_000, "small": 10}
    large = np.flatnonzero(domains == "large")
    assert not set(first) & set(second) & set(large)


def test_batches_hold_every_text_once_and_little_padding() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 100, 1000)
    batches = length_sorted(np.arange(1000), lengths, rng)
    assert sorted(np.concatenate(batches)) == list(range(1000))
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert padded < 1.05 * lengths.sum()


def test_accuracy_is_the_mean_of_the_domains_and_leaves_neutral_texts_out_of_pos_neg() -> None:
    texts = pd.DataFrame({"domain": ["a", "a", "a", "b"], "label": [0, 1, 2, 2]})
    scores = np.array([[0.5, 0.2, 0.3], [0.5, 0.2, 0.3], [0.1, 0.6, 0.3], [0.6, 0.1, 0.3]])
    found = accuracies(texts, scores)
    assert found.accuracy_3class.to_dict() == pytest.approx({"a": 1 / 3, "b": 0, "macro": 1 / 6})
    assert found.accuracy_pos_neg.to_dict() == pytest.approx({"a": 1, "b": 0, "macro": 0.5})


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("love it 😍", ["love", "it", ".", "love", "."]),
        ("x😡y", ["x", ".", "angry", ".", "y"]),
        pytest.param("👍🏽 good", [".", "great", ".", "good"], id="a skin tone is no word"),
        ("Café naïve", ["cafe", "naive"]),
    ],
)
def test_emoji_are_read_as_moods(text: str, tokens: list[str], tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(write_tokenizer(tmp_path / "tokenizer.json")))
    assert tokenizer.encode(text, add_special_tokens=False).tokens == tokens


TEXTS = ["I love it, wonderful", "The box is brown", "terrible, I hate it"]


def test_the_lexicon_tells_plain_praise_from_plain_blame() -> None:
    assert vader_scores(TEXTS).argmax(1).tolist() == [2, 1, 0]


def test_the_linear_baseline_learns_words() -> None:
    train = pd.DataFrame({"text": TEXTS * 3, "label": [2, 1, 0] * 3})
    assert tfidf_scores(train, TEXTS).argmax(1).tolist() == [2, 1, 0]
