from pathlib import Path

import numpy as np
import pytest
from conftest import word_tokenizer
from graphs import save
from onnx import TensorProto, helper

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.explanations.summarization import SummarizationExplanation
from app.tasks.summarization import Summarization, SummarizationKernel
from app.tasks.summary_schema import SummarizationConfig
from app.tasks.view import predict_json

# good and bad point in different directions, film between them.
DIRECTIONS = np.array([[0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 1, 0], [0.6, 0.8, 0], [0, 0, 0], [0, 0, 0]], np.float32)


@pytest.fixture
def ask(tmp_path: Path):
    """Asks a summarizer that embeds a sentence as the sum of its words, and explains its answer."""
    graph = save(
        tmp_path / "sums.onnx",
        [
            helper.make_node("Gather", ["directions", "input_ids"], ["by_token"]),
            helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["mask", "last"], ["mask_3d"]),
            helper.make_node("Mul", ["by_token", "mask_3d"], ["masked"]),
            helper.make_node("ReduceSum", ["masked", "tokens"], ["sum"], keepdims=0),
            helper.make_node("LpNormalization", ["sum"], ["embedding"], axis=1),
        ],
        [("input_ids", "INT64", ["n", "t"]), ("attention_mask", "INT64", ["n", "t"])],
        [("embedding", "FP32", ["n", 3])],
        directions=DIRECTIONS, last=np.array([-1], np.int64), tokens=np.array([1], np.int64),
    )  # fmt: skip
    config = SummarizationConfig(tokenizer="t", max_tokens=16)
    task = Summarization(SummarizationKernel(config, {"t": word_tokenizer(tmp_path / "t.json")}))
    sessions = {"model": load_onnx(graph, RuntimeOptions(device="cpu"))}

    def both(text, **parameters):
        item = {"text": text}
        return (
            predict_json(task, sessions, item, parameters),
            predict_json(SummarizationExplanation(task.kernel), sessions, item, parameters),
        )

    return both, config


TEXT = "A good good good good. A bad bad bad bad. A film film film film. What good good good good."


def test_the_reasons_are_those_of_the_sentences_that_were_chosen(ask):
    both, _ = ask
    summary, reasons = both(TEXT, max_sentences=2)
    told = [{name: one[name] for name in ("text", "start", "end", "score")} for one in reasons["sentences"]]
    assert told == [{**one, "score": pytest.approx(one["score"])} for one in summary["sentences"]]


def test_the_parts_of_a_score_add_up_and_the_first_choice_has_the_highest(ask):
    both, config = ask
    _, reasons = both(TEXT, max_sentences=3)
    for one in reasons["sentences"]:
        assert one["from_centrality"] + one["from_position"] == pytest.approx(one["score"], abs=1e-5)
        worth = config.mmr_lambda * one["score"] - (1 - config.mmr_lambda) * one["redundancy"]
        assert one["worth"] == pytest.approx(worth, abs=1e-5)
    first = min(reasons["sentences"], key=lambda one: one["rank"])
    assert first["score"] == max(one["score"] for one in reasons["sentences"])
    assert first["redundancy"] == 0
    assert sorted(one["rank"] for one in reasons["sentences"]) == [1, 2, 3]


def test_a_sentence_stands_for_those_that_are_like_it_with_their_places(ask):
    both, _ = ask
    _, reasons = both(TEXT, max_sentences=4)
    good = reasons["sentences"][0]
    alike = good["stands_for"]
    assert alike[0]["cosine"] == pytest.approx(1, abs=0.1)  # the same, but for their first words
    assert [one["cosine"] for one in alike] == sorted((one["cosine"] for one in alike), reverse=True)
    assert [TEXT[one["start"] : one["end"]] for one in alike] == [one["text"] for one in alike]
    assert alike[0]["text"] == "What good good good good."
    later = next(one for one in reasons["sentences"] if one["text"].startswith("What"))
    assert later["redundancy"] == pytest.approx(1, abs=1e-3)


def test_the_only_sentence_of_a_text_is_its_own_reason(ask):
    both, _ = ask
    _, reasons = both("what a good film")
    (only,) = reasons["sentences"]
    assert (only["score"], only["from_centrality"], only["from_position"], only["stands_for"]) == (1, 1, 0, [])
