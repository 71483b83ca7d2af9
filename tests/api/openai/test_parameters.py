"""Parameters of chats and completions, and what is said of those that cannot be."""

from typing import Any

import pytest

from app.api.openai.parameters import is_told, parameters_of
from app.api.openai.schemas import ChatRequest, CompletionRequest
from app.errors import InvalidInput


def chat(**fields: Any) -> ChatRequest:
    return ChatRequest.model_validate({"model": "any", "messages": [{"role": "user", "content": "a"}], **fields})


def completion(**fields: Any) -> CompletionRequest:
    return CompletionRequest.model_validate({"model": "any", "prompt": "a", **fields})


def test_both_names_of_the_most_tokens_mean_the_same():
    assert parameters_of(chat(max_tokens=7)) == parameters_of(chat(max_completion_tokens=7))
    assert parameters_of(chat(max_tokens=7, max_completion_tokens=7)).max_new_tokens == 7
    assert parameters_of(chat()).max_new_tokens is None  # as the manifest says
    assert parameters_of(completion()).max_new_tokens == 16  # as OpenAI has it


def test_all_of_the_likeliest_have_two_names():
    assert parameters_of(chat(top_k=-1)).top_k == parameters_of(chat(top_k=0)).top_k == 0


def test_the_likeliest_are_asked_for_in_the_words_of_each():
    assert parameters_of(chat(logprobs=True)).top_logprobs == 0
    assert parameters_of(chat(logprobs=True, top_logprobs=2)).top_logprobs == 2
    assert parameters_of(completion(logprobs=2)).top_logprobs == 2
    assert parameters_of(chat()).top_logprobs is None


@pytest.mark.parametrize(
    ("sent", "loc", "words"),
    [
        (chat(max_tokens=1, max_completion_tokens=2), ["max_completion_tokens"], "means the same"),
        (chat(top_logprobs=1), ["top_logprobs"], "no effect without logprobs"),
        (chat(stream_options={"include_usage": True}), ["stream_options"], "no effect without stream"),
        (chat(min_tokens=3, max_tokens=2), ["min_tokens"], "more than the most, 2"),
        (chat(temperature=-1), ["temperature"], "greater than or equal to 0"),
        (chat(max_completion_tokens=-1), ["max_completion_tokens"], "greater than"),
        (completion(max_tokens=-1), ["max_tokens"], "greater than"),
        (completion(logprobs=1000), ["logprobs"], "less than"),
        (
            chat(response_format={"type": "json_object"}, tools=[{}], tool_choice="required"),
            ["response_format"],
            "call of a tool",
        ),
    ],
)
def test_a_fault_has_the_name_that_was_sent(sent, loc, words):
    with pytest.raises(InvalidInput) as refused:
        parameters_of(sent)
    (fault,) = refused.value.details
    assert fault["loc"] == loc
    assert words in fault["msg"]


def test_what_a_stream_tells_besides_is_told_if_it_is_asked_for():
    assert is_told(chat(stream=True, stream_options={"include_usage": True}), "include_usage")
    assert not is_told(chat(stream=True, stream_options={}), "include_usage")
    assert not is_told(chat(stream=True), "include_usage")
