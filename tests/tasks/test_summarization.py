import random
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tokenizers import Tokenizer, models, pre_tokenizers

from app.errors import InvalidInput
from app.tasks.summarization import MAX_ROWS, Summarization, SummarizationKernel
from app.tasks.summary_schema import MAX_CHARACTERS, ArticleInput, SummarizationConfig, SummarizationParameters, Summary
from app.tasks.view import predict_alone
from app.tensors import Placement, Tensors

MAX_TOKENS = 16
STORM = (
    "The storm hit the coast on Sunday night. The storm broke windows along the coast. "
    "Waves of the storm flooded the coast road. The coast road stays closed after the storm."
)
MARKET = (
    "Shares of banks fell on the market. The market sold shares of banks all day. "
    "Banks lost most on the market on shares. Traders said the market feared for banks."
)


class CountWords:
    """Sentences are alike if they share words: the embedding counts hashed token ids."""

    placement = Placement("cpu", "a test")

    def run(self, inputs: Tensors) -> Tensors:
        counts = np.zeros((len(inputs["input_ids"]), 384), np.float32)
        for row, (ids, mask) in enumerate(zip(inputs["input_ids"], inputs["attention_mask"], strict=True)):
            np.add.at(counts[row], ids[mask == 1] % 384, 1)
        return {"embedding": counts / np.linalg.norm(counts, axis=1, keepdims=True)}


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Summarization:
    words = {
        word
        for text in (STORM, MARKET, Summarization.contract.example["text"])
        for word in text.replace(".", "").split()
    }
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", *sorted(words)])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return Summarization(SummarizationKernel(SummarizationConfig(tokenizer="t", max_tokens=MAX_TOKENS), {"t": path}))


def summarise(task: Summarization, text: str, sessions: Mapping[str, Any] | None = None, **parameters: Any) -> Summary:
    item, chosen = ArticleInput(text=text), SummarizationParameters.model_validate(parameters)
    summary: Summary = predict_alone(task, sessions or {"model": CountWords()}, item, chosen)
    return summary


def test_the_example_is_summarised_by_three_of_its_sentences_in_their_order(task: Summarization) -> None:
    text = Summarization.contract.example["text"]
    summary = summarise(task, text)
    assert len(summary.sentences) == 3
    assert [text[sentence.start : sentence.end] for sentence in summary.sentences] == [
        sentence.text for sentence in summary.sentences
    ]
    assert [sentence.start for sentence in summary.sentences] == sorted(
        sentence.start for sentence in summary.sentences
    )
    assert summary.summary_text == " ".join(sentence.text for sentence in summary.sentences)
    assert all(0 < sentence.score <= 1 for sentence in summary.sentences)


def test_a_summary_is_the_same_every_time(task: Summarization) -> None:
    assert summarise(task, STORM + " " + MARKET) == summarise(task, STORM + " " + MARKET)


def test_both_topics_of_a_text_are_in_its_summary(task: Summarization) -> None:
    summary = summarise(task, STORM + "\n\n" + MARKET, max_sentences=2)
    assert "coast" in summary.sentences[0].text
    assert "banks" in summary.sentences[1].text


def test_answers_do_not_depend_on_neighbours_in_the_batch(task: Summarization) -> None:
    sessions = {"model": CountWords()}
    prepared = task.preprocess(ArticleInput(text=STORM), SummarizationParameters())
    other = task.preprocess(ArticleInput(text=MARKET), SummarizationParameters())
    answers = task.kernel.run(sessions, [*other.rows, *prepared.rows])[len(other.rows) :]
    together = task.postprocess(prepared, answers, SummarizationParameters())
    assert together == summarise(task, STORM)


def test_chinese_sentences_are_joined_without_spaces(task: Summarization) -> None:
    text = "北山图书馆重新开放。修缮工程花费\n四千万元。馆长表示藏书会增加。"
    summary = summarise(task, text)
    assert summary.summary_text == "北山图书馆重新开放。修缮工程花费四千万元。馆长表示藏书会增加。"
    assert summary.sentences[1].text == text[10:22] == "修缮工程花费\n四千万元。"


def test_offsets_count_code_points(task: Summarization) -> None:
    text = "🎉🎉 The 𝒳 storm hit the coast. Waves flooded the 😀 road."
    assert [text[one.start : one.end] for one in summarise(task, text).sentences] == [
        "🎉🎉 The 𝒳 storm hit the coast.",
        "Waves flooded the 😀 road.",
    ]


@pytest.mark.parametrize("text", ["It rained all day.", "what a good film", "  今天下雨。\n", "<p>It rained.</p>"])
def test_one_sentence_needs_no_network_and_is_its_own_summary(task: Summarization, text: str) -> None:
    assert task.preprocess(ArticleInput(text=text), SummarizationParameters()).rows == []
    summary = summarise(task, text, sessions={"none": None})
    assert [(one.text, one.score) for one in summary.sentences] == [(summary.summary_text, 1.0)]
    assert summary.summary_text in text


def test_fewer_sentences_than_asked_for_are_all_given(task: Summarization) -> None:
    assert summarise(task, "Cats sleep. Dogs bark.", max_sentences=5).summary_text == "Cats sleep. Dogs bark."


def test_interjections_are_chosen_only_if_there_is_nothing_else(task: Summarization) -> None:
    text = "Well! No. " + STORM
    assert all("storm" in one.text for one in summarise(task, text, max_sentences=4).sentences)
    assert len(summarise(task, text, max_sentences=6).sentences) == 6


@pytest.mark.parametrize("max_words", [8, 17, 30])
def test_max_words_is_kept(task: Summarization, max_words: int) -> None:
    summary = summarise(task, STORM + " " + MARKET, max_words=max_words)
    assert 0 < len(summary.summary_text.split()) <= max_words
    assert len(summarise(task, STORM, max_words=100).sentences) == 4


def test_a_budget_that_no_sentence_fits_gives_the_shortest(task: Summarization) -> None:
    assert summarise(task, STORM, max_words=2).summary_text == "The storm broke windows along the coast."


def test_max_words_and_max_sentences_exclude_each_other() -> None:
    assert SummarizationParameters(max_words=20).max_words == 20
    with pytest.raises(ValidationError, match="only one of max_sentences, max_words and max_tokens"):
        SummarizationParameters(max_words=20, max_sentences=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "the text is empty", id="empty"),
        pytest.param(" \n\t\u3000", "the text is empty", id="whitespace"),
        pytest.param("\u200b\ufeff \u3164", "the text is empty: none of its characters can be seen", id="unseen"),
        pytest.param("\u3164. 1", "the text has no letters", id="a letter that cannot be seen"),
        pytest.param("123. 456! 😀", "the text has no letters", id="no-letters"),
        pytest.param("a" * (MAX_CHARACTERS + 1), r"has 1000001 characters and .* at most 1000000", id="too-long"),
        pytest.param("It rained. " * 4_001, r"has 4001 sentences and .* at most 4000; .*\"truncate\"", id="too-many"),
    ],
)
def test_a_text_that_cannot_be_used_is_refused_with_the_reason(task: Summarization, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as error:
        task.preprocess(ArticleInput(text=text), SummarizationParameters())
    assert error.value.details[0]["loc"] == ["text"]


def test_truncate_uses_the_beginning_of_a_text_with_too_many_sentences(task: Summarization) -> None:
    text = "It rained all day. " * 4_000 + "Nobody reads of that storm. " * 100
    prepared = task.preprocess(ArticleInput(text=text), SummarizationParameters(truncate=True))
    assert {sentence.text for sentence in prepared.context} == {"It rained all day."}


def test_a_hundred_pages_are_summarised_without_truncation(task: Summarization) -> None:
    page = " ".join(f"On day {i} the storm moved along the coast and closed the road to the town." for i in range(33))
    text = "\f".join([page] * 100)
    prepared = task.preprocess(ArticleInput(text=text), SummarizationParameters())
    assert len(prepared.rows) == MAX_ROWS
    summary = summarise(task, text)
    assert len(summary.sentences) == 3
    assert all(text[one.start : one.end] == one.text for one in summary.sentences)


def test_of_a_long_text_the_network_reads_the_sentences_whose_words_are_those_of_the_text(task: Summarization) -> None:
    text = f"{STORM} " * 200 + "Quite another matter entirely altogether."
    read = task.preprocess(ArticleInput(text=text), SummarizationParameters()).context
    assert [one.start for one in read] == sorted(one.start for one in read)
    assert all("storm" in one.text for one in read)


def test_as_many_sentences_as_are_asked_for_are_given_of_a_long_text_too(task: Summarization) -> None:
    assert len(summarise(task, f"{STORM} " * 200, max_sentences=600).sentences) == 600


def test_rows_are_token_ids_of_at_most_max_tokens(task: Summarization) -> None:
    long, short = "The storm " * 500 + "hit.", "The coast road stays closed."
    first, second = task.preprocess(ArticleInput(text=f"{short} {long}"), SummarizationParameters()).rows[:2]
    assert len(first["input_ids"]) == 6
    assert len(second["input_ids"]) == MAX_TOKENS
    assert (task.kernel.length(first), task.kernel.length(second)) == (6, MAX_TOKENS)
    assert task.kernel.collate([first, second])["attention_mask"].sum(axis=1).tolist() == [6, MAX_TOKENS]


def test_every_length_can_be_probed(task: Summarization) -> None:
    assert (
        [task.kernel.length(task.kernel.probe(length)) for length in task.kernel.lengths]
        == task.kernel.lengths
        == [8, 16]
    )


def test_a_sentence_without_known_words_does_no_harm(task: Summarization) -> None:
    assert len(summarise(task, "Zyx wvu tsr qpo. Nml kji hgf edc. " * 5).sentences) == 3


PIECES = [
    "a",
    "Z",
    "今",
    "。",
    ".",
    " ",
    "\n\n",
    "<b>",
    "*",
    "[",
    "](",
    "&lt;",
    "\ud800",
    "😀",
    "1. ",
    "It rained on us. ",
    "'",
]


@pytest.mark.parametrize("seed", range(10))
def test_only_invalid_input_escapes_and_offsets_lie_inside(task: Summarization, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(30):
        text = "".join(rng.choices(PIECES, k=rng.randint(0, 80)))
        parameters = rng.choice([{}, {"max_words": rng.randint(1, 20)}, {"max_sentences": rng.randint(1, 5)}])
        try:
            summary = summarise(task, text, **parameters)
        except InvalidInput:
            assert not any(map(str.isalpha, text))
            continue
        summary.model_dump_json()
        assert summary.summary_text
        assert all(0 <= one.start < one.end <= len(text) and 0 <= one.score <= 1 for one in summary.sentences)


def test_a_setting_out_of_range_is_refused() -> None:
    with pytest.raises(ValidationError):
        SummarizationConfig.model_validate({"tokenizer": "t", "max_tokens": 128, "mmr_lambda": 2})


@pytest.mark.parametrize("max_tokens", [8, 17, 30])
def test_max_tokens_is_kept(task: Summarization, max_tokens: int) -> None:
    summary = summarise(task, STORM + " " + MARKET, max_tokens=max_tokens)
    # Of this tokenizer, words and full stops are tokens.
    assert 0 < len(re.findall(r"\w+|\.", summary.summary_text)) <= max_tokens


@pytest.mark.parametrize("other", ["max_words", "max_sentences"])
def test_max_tokens_excludes_other_limits(other: str) -> None:
    with pytest.raises(ValidationError, match="only one of max_sentences, max_words and max_tokens"):
        SummarizationParameters.model_validate({"max_tokens": 20, other: 3})
