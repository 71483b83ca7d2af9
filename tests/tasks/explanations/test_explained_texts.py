import math
from pathlib import Path

import pytest
from conftest import WORDS, word_counting_graph, word_tokenizer
from growth import require_growth
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from app.errors import InferenceFailed
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.explanations.text import MAX_ROWS, MAX_WORDS, TextExplanation
from app.tasks.text import TextEncoder
from app.tasks.text_classification import TextClassification, TextClassificationConfig, TextClassificationKernel
from app.tasks.view import predict_json

LABELS = ["negative", "positive"]


@pytest.fixture
def explain(tmp_path: Path):
    """Explains texts of a classifier whose logits are sums over its words."""
    config = TextClassificationConfig(labels=LABELS, tokenizer="tokenizer.json", max_tokens=200)
    task = TextClassification(TextClassificationKernel(config, {"tokenizer.json": word_tokenizer(tmp_path / "t.json")}))
    sessions = {"model": load_onnx(word_counting_graph(tmp_path / "m.onnx"), RuntimeOptions(device="cpu"))}
    explanation = TextExplanation(task.kernel)
    return lambda text, **parameters: predict_json(explanation, sessions, {"text": text}, parameters)


def test_of_a_linear_model_the_weights_are_what_each_word_adds(explain):
    found = explain("what a good, good film, bad!", label="positive", function_to_apply="none")
    assert (found["label"], found["score"], found["score_without"]) == ("positive", 4.0, 0.0)
    assert [word["text"] for word in found["words"]] == ["what", "a", "good", ",", "good", "film", ",", "bad", "!"]
    assert [word["weight"] for word in found["words"]] == pytest.approx([0, 0, 2, 0, 2, 0, 0, 0, 0], abs=1e-3)


def test_the_best_label_is_explained_unless_another_is_asked_for(explain):
    found, other = explain("a bad film"), explain("a bad film", label="positive")
    assert (found["label"], other["label"]) == ("negative", "positive")
    assert (found["words"][1]["weight"], other["words"][1]["weight"]) == pytest.approx((2, -2), abs=1e-3)
    assert found["score"] + other["score"] == pytest.approx(1, abs=1e-6)


def test_a_label_is_known_by_how_it_looks(explain):
    assert explain("a bad film", label=" ｐositive\u200b") == explain("a bad film", label="positive")


def test_weights_are_what_lies_between_the_log_odds_with_and_without_words(explain):
    found = explain("what a good film, not bad, good good film, what a film it was")
    with_words, without = (math.log(score / (1 - score)) for score in (found["score"], found["score_without"]))
    assert sum(word["weight"] for word in found["words"]) == pytest.approx(with_words - without, abs=1e-4)


def test_a_model_that_is_as_sure_as_can_be_has_finite_weights(explain):
    found = explain("good " * 40)
    assert found["score"] == 1
    assert all(math.isfinite(word["weight"]) for word in found["words"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("don't stop", ["don't", "stop"], id="apostrophe"),
        pytest.param("so-so :-) 😀😀", ["so-so", ":-)", "😀😀"], id="beyond the basic plane"),
        pytest.param("真的很好 good", ["真的很好", "good"], id="characters that are one token"),
        pytest.param("  good\n\n\tfilm  ", ["good", "film"], id="white space"),
    ],
)
def test_words_have_their_places_in_code_points(explain, text, words):
    found = explain(text)["words"]
    assert [word["text"] for word in found] == words
    assert [text[word["start"] : word["end"]] for word in found] == words


def test_neighbours_of_a_long_text_are_weighed_together(explain):
    text = "film " * 60 + "good " + "film " * 69
    found = explain(text, function_to_apply="none", label="positive")["words"]
    assert len(found) <= MAX_WORDS
    best = max(found, key=lambda word: word["weight"])
    assert "good" in best["text"]
    assert best["text"] == text[best["start"] : best["end"]]
    assert [word["start"] for word in found] == sorted(word["start"] for word in found)


def test_what_was_truncated_is_not_weighed(explain):
    text = "good " * 300
    found = explain(text, truncate=True)
    assert max(word["end"] for word in found["words"]) <= 200 * len("good ")


def test_what_is_truncated_costs_no_more_than_to_read_it(explain):
    require_growth(lambda size: explain("good film " * size, truncate=True), 100_000)
    assert len(explain("good film " * 100_000, truncate=True)["words"]) == MAX_WORDS


def test_rows_are_bounded_and_no_row_is_empty(tmp_path: Path):
    config = TextClassificationConfig(labels=LABELS, tokenizer="t", max_tokens=200)
    explanation = TextExplanation(TextClassificationKernel(config, {"t": word_tokenizer(tmp_path / "t.json")}))
    for text in ("good", "a good film", "film " * 199):
        rows = explanation.preprocess(explanation.contract.Input(text=text), explanation.contract.Parameters()).rows
        assert 2 <= len(rows) <= MAX_ROWS
        assert all(len(row["input_ids"]) == len(row["attention_mask"]) > 0 for row in rows)


def test_the_model_s_own_tokens_stay_in_every_row(tmp_path: Path):
    vocabulary = {word: i for i, word in enumerate((*WORDS, "[CLS]", "[SEP]"))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    own = [(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=own)
    tokenizer.save(str(tmp_path / "t.json"))
    task = TextClassification(
        TextClassificationKernel(
            TextClassificationConfig(labels=LABELS, tokenizer="t", max_tokens=64), {"t": tmp_path / "t.json"}
        )
    )
    explanation = TextExplanation(task.kernel)
    rows = explanation.preprocess(
        explanation.contract.Input(text="what a good film"), explanation.contract.Parameters()
    ).rows
    assert (
        rows[0]["input_ids"].tolist()
        == TextEncoder(tmp_path / "t.json", 64).encode("what a good film", truncate=False)["input_ids"].tolist()
    )
    assert {(int(row["input_ids"][0]), int(row["input_ids"][-1])) for row in rows} == {(own[0][1], own[1][1])}
    assert min(len(row["input_ids"]) for row in rows) == 2


def test_scores_that_are_no_numbers_are_an_error_of_the_model(tmp_path: Path):
    config = TextClassificationConfig(labels=LABELS, tokenizer="t", max_tokens=16)
    explanation = TextExplanation(TextClassificationKernel(config, {"t": word_tokenizer(tmp_path / "t.json")}))
    broken = load_onnx(word_counting_graph(tmp_path / "m.onnx", scale=float("nan")), RuntimeOptions(device="cpu"))
    with pytest.raises(InferenceFailed, match="not numbers"):
        predict_json(explanation, {"model": broken}, {"text": "a good film"}, {})
