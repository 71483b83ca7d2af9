"""Summaries in a model's own words: what is read of a text, what is told of a summary, and what is refused."""

from time import perf_counter

import numpy as np
import pytest
from generation_models import tokenizer
from tiny_own_words import LINES_CONFIG
from tiny_translator import CONTEXT, sessions, student

from app.errors import InvalidInput
from app.tasks import TASKS, WRITTEN, task_of
from app.tasks.own_words import OwnWordsKernel, SummaryInOwnWords
from app.tasks.summarization import Summarization
from app.tasks.summary_schema import ArticleInput, SummarizationParameters
from app.tasks.view import predict_alone, require_parameters

TEXT = "The ferry is in the port of Ams."
CUT = SummarizationParameters(truncate=True)


@pytest.fixture(scope="module")
def view(tmp_path_factory) -> SummaryInOwnWords:
    path = tmp_path_factory.mktemp("files") / "tokenizer.json"
    tokenizer().save(str(path))
    config = OwnWordsKernel.Config(**LINES_CONFIG, start_id=student().start_id)
    return SummaryInOwnWords(OwnWordsKernel(config, {"tokenizer.json": path}))


def prepared(view, text, parameters=None):
    return view.preprocess(ArticleInput(text=text), parameters or SummarizationParameters())


def written(view, text, summary, parameters=None):
    """The output, if this were the summary of a text."""
    answer = {"output_ids": np.array(view.kernel.ids(summary))}
    return view.postprocess(prepared(view, text, parameters), [answer], parameters)


def test_the_config_says_which_of_two_kernels_a_summarizer_has():
    assert task_of("summarization", {"start_id": 0}) is WRITTEN["summarization"]
    assert task_of("summarization", {"max_tokens": 128}) is TASKS["summarization"]
    assert task_of("translation", {"start_id": 0}) is TASKS["translation"]
    assert SummaryInOwnWords.contract == Summarization.contract  # the same questions and answers


def test_names_and_numbers_that_the_text_does_not_have_are_told_with_their_places(view):
    found = written(view, TEXT, "ferry of Rotterdam with 12 cars")
    assert [(one.text, found.summary_text[one.start : one.end]) for one in found.unsupported] == [
        ("Rotterdam", "Rotterdam"),
        ("12", "12"),
    ]
    assert (found.generated, found.verified, found.is_complete, found.is_truncated) == (True, False, True, False)
    assert written(view, TEXT, "ferry of Ams").unsupported == []


def test_a_text_in_another_language_is_not_checked(view):
    assert written(view, "Die Anlage misst Temperaturen.", "Anlage in Rotterdam").unsupported is None


def test_a_summary_that_did_not_come_to_its_end_says_so(view):
    unended = {"output_ids": np.array(view.kernel.ids("ferry")[:-1])}
    assert not view.postprocess(prepared(view, TEXT), [unended], SummarizationParameters()).is_complete


def test_a_text_longer_than_the_model_reads_is_refused_or_its_beginning_is_read(view):
    text = "ferry " * 40 + "end"
    with pytest.raises(InvalidInput, match=rf"tokens and the model reads at most {CONTEXT - 1}; shorten it") as refused:
        prepared(view, text)
    assert refused.value.details[0]["loc"] == ["text"]
    made = prepared(view, text, CUT)
    (row,) = made.rows
    assert CONTEXT - 8 < len(row["input_ids"]) <= CONTEXT
    assert text.startswith(made.context[0] + " ferry")
    assert written(view, text, "ferry", CUT).is_truncated


@pytest.mark.parametrize("text", ["x" * 900_000, "word " * 180_000, "\U0001f30a" * 900_000, "a \n" * 300_000])
@pytest.mark.parametrize("is_cut", [True, False])
def test_a_book_is_refused_or_cut_at_once(view, text, is_cut):
    started = perf_counter()
    if is_cut:
        assert prepared(view, text, CUT).rows[0]["input_ids"].size <= CONTEXT
    else:
        with pytest.raises(InvalidInput, match=r"more than \d+ tokens and the model reads"):
            prepared(view, text)
    assert perf_counter() - started < 2


@pytest.mark.parametrize(
    ("text", "words"), [("", "is empty"), (" \n", "is empty"), ("\u200b", "is empty"), ("a" * 1_000_001, "characters")]
)
def test_what_cannot_be_read_is_refused(view, text, words):
    for parameters in (CUT, SummarizationParameters()):
        with pytest.raises(InvalidInput, match=words) as refused:
            prepared(view, text, parameters)
        assert refused.value.details[0]["loc"] == ["text"]


def test_half_a_character_becomes_a_question_mark(view):
    assert prepared(view, "one \ud800 two").context == ("one ? two", False)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"mode": "extractive"}, "chooses no sentences"),
        ({"max_sentences": 1}, "no effect"),
        ({"max_words": 9}, "no eff"),
    ],
)
def test_what_would_change_nothing_is_refused_by_its_name(view, asked, words):
    with pytest.raises(InvalidInput, match=words) as refused:
        require_parameters(view, SummarizationParameters(**asked))
    assert refused.value.details[0]["loc"] == ["parameters", *asked]


def test_no_more_tokens_are_written_than_are_asked_for(view):
    require_parameters(view, SummarizationParameters(mode="abstractive", max_tokens=2))
    few, free = (
        predict_alone(view, sessions(), ArticleInput(text=TEXT), SummarizationParameters(max_tokens=most))
        for most in (2, None)
    )
    assert not few.is_complete
    assert len(few.summary_text) < len(free.summary_text)
    (row,) = prepared(view, TEXT, SummarizationParameters(max_tokens=2)).rows
    assert view.kernel.prompt_of(row).max_new_tokens == 2
