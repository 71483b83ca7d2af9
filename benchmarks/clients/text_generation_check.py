"""The client of text-generation-inference: texts and chats, whole and in streams, and its errors."""

import asyncio
import os

import pytest
from text_generation import AsyncClient, Client
from text_generation.errors import ValidationError
from text_generation.types import FinishReason, Grammar, GrammarType

AT = f"{os.environ['TESSERA_URL']}/hf/models/{os.environ['TESSERA_WRITER']}"
PROMPT = "The harbour was quiet that morning, and"
MESSAGES = [{"role": "user", "content": "Say hi."}]
client = Client(AT, timeout=120)


def written(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_a_text_is_the_same_whole_and_in_a_stream():
    whole = client.generate(PROMPT, max_new_tokens=12)
    assert whole.details.finish_reason == FinishReason.Length
    assert (whole.details.generated_tokens, len(whole.details.tokens), whole.details.seed) == (12, 12, None)
    told = list(client.generate_stream(PROMPT, max_new_tokens=12))
    assert "".join(one.token.text for one in told) == told[-1].generated_text == whole.generated_text
    assert [one.token.id for one in told] == [token.id for token in whole.details.tokens]
    assert told[-1].details.generated_tokens == 12
    assert client.generate(PROMPT, max_new_tokens=12, return_full_text=True).generated_text.startswith(PROMPT)


def test_the_text_that_ends_an_answer_is_in_it():
    text = client.generate(PROMPT, max_new_tokens=12).generated_text
    stop = text[5:8]
    ended = client.generate(PROMPT, max_new_tokens=12, stop_sequences=[stop])
    assert ended.details.finish_reason == FinishReason.StopSequence
    assert ended.generated_text == text[: text.index(stop) + len(stop)]
    told = list(client.generate_stream(PROMPT, max_new_tokens=12, stop_sequences=[stop]))
    assert "".join(one.token.text for one in told) == told[-1].generated_text == ended.generated_text


def test_the_seed_that_is_told_gives_the_answer_again():
    drawn = client.generate(PROMPT, max_new_tokens=12, do_sample=True, temperature=1.5)
    again = client.generate(PROMPT, max_new_tokens=12, do_sample=True, temperature=1.5, seed=drawn.details.seed)
    assert again.generated_text == drawn.generated_text


def test_of_several_answers_the_best_is_returned_with_the_others():
    best = client.generate(PROMPT, max_new_tokens=8, best_of=3, temperature=1.5, top_n_tokens=2)
    means = [
        sum(token.logprob for token in one.tokens) / len(one.tokens)
        for one in [best.details, *best.details.best_of_sequences]
    ]
    assert len(means) == 3
    assert max(means) == means[0]
    assert len(best.details.top_tokens) == 8


def test_an_answer_has_the_form_that_was_asked_for():
    grammar = Grammar(type=GrammarType.Regex, value="yes|no")
    assert client.generate(PROMPT, grammar=grammar).generated_text in ("yes", "no")


def test_a_chat_is_the_same_whole_and_in_a_stream():
    asked = {"messages": MESSAGES, "max_tokens": 12, "temperature": 0.0}
    answer = client.chat(**asked)
    assert answer.usage["completion_tokens"] <= 12
    chunks = list(client.chat(**asked, stream=True))
    assert written(chunks) == answer.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == answer.choices[0].finish_reason


def test_a_function_is_called():
    tool = {"type": "function", "function": {"name": "greet", "parameters": {"type": "object", "properties": {}}}}
    answer = client.chat(MESSAGES, max_tokens=60, tools=[tool], tool_choice="required")
    assert answer.choices[0].message.tool_calls[0]["function"]["name"] == "greet"


def test_what_is_refused_is_an_error_of_the_client():
    with pytest.raises(ValidationError, match="maximum context length"):
        client.generate("word " * 100_000)
    with pytest.raises(ValidationError, match="maximum context length"):
        client.chat([{"role": "user", "content": "word " * 100_000}])
    with pytest.raises(ValidationError, match="decoder_input_details: is not supported"):
        client.generate(PROMPT, decoder_input_details=True)


def test_its_asynchronous_form_is_answered_as_well():
    async def ask():
        other = AsyncClient(AT, timeout=120)
        whole = await other.generate(PROMPT, max_new_tokens=5)
        told = [one.token.text async for one in other.generate_stream(PROMPT, max_new_tokens=5)]
        chat = await other.chat(MESSAGES, max_tokens=5, temperature=0.0)
        chunks = [one async for one in await other.chat(MESSAGES, max_tokens=5, temperature=0.0, stream=True)]
        return whole.generated_text, "".join(told), chat.choices[0].message.content, written(chunks)

    whole, told, chat, chunks = asyncio.run(ask())
    assert (told, chunks) == (whole, chat)
