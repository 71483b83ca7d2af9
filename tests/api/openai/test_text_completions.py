"""Texts that are gone on with, as the clients of OpenAI ask for them."""

import pytest
from test_chat import chunks
from tiny_writer import WRITER, writer

__all__ = ["writer"]

COMPLETIONS = "/v1/completions"


def ask(client, **fields):
    reply = client.post(COMPLETIONS, json={"model": WRITER, "prompt": "hi", **fields})
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_an_answer_has_sixteen_tokens_unless_it_is_said_otherwise(writer):
    answer = ask(writer, ignore_eos=True)
    assert answer["object"] == "text_completion"
    assert answer["usage"] == {"prompt_tokens": 2, "completion_tokens": 16, "total_tokens": 18,
                               "prompt_tokens_details": {"cached_tokens": 0}}  # fmt: skip
    (choice,) = answer["choices"]
    assert choice.pop("text")
    assert choice == {"index": 0, "logprobs": None, "finish_reason": "length", "stop_reason": None}


def test_several_prompts_and_answers_are_numbered_prompt_by_prompt(writer):
    answers = ask(writer, prompt=["hi", "ho"], n=2, temperature=1.0, seed=3)
    assert [choice["index"] for choice in answers["choices"]] == [0, 1, 2, 3]
    assert answers["usage"]["prompt_tokens"] == 4
    second = ask(writer, prompt="ho", temperature=1.0, seed=3)
    assert second["choices"][0]["text"] == answers["choices"][2]["text"]
    told = chunks(writer, COMPLETIONS, messages=None, prompt=["hi", "ho"], n=2, temperature=1.0, seed=3, max_tokens=16)
    for index, choice in enumerate(answers["choices"]):
        mine = [each for chunk in told for each in chunk["choices"] if each["index"] == index]
        assert "".join(each["text"] for each in mine) == choice["text"]
        assert [each["finish_reason"] for each in mine].count(None) == len(mine) - 1


def test_token_ids_are_a_prompt_and_lists_of_them_are_several(writer):
    ids = [id for byte in b"hi" for id in byte_ids(byte)]
    assert ask(writer, prompt=ids)["choices"] == ask(writer)["choices"]
    both = ask(writer, prompt=[ids, ids])["choices"]
    assert [choice["text"] for choice in both] == 2 * [ask(writer)["choices"][0]["text"]]


def byte_ids(byte):
    from generation_models import tokenizer

    return tokenizer().encode(bytes([byte]).decode()).ids


def test_tokens_have_places_in_the_text(writer):
    (choice,) = ask(writer, logprobs=1)["choices"]
    told = choice["logprobs"]
    assert {len(each) for each in told.values()} == {16}
    assert told["text_offset"][:3] == [0, len(told["tokens"][0]), len(told["tokens"][0]) + len(told["tokens"][1])]
    for token, logprob, top in zip(told["tokens"], told["token_logprobs"], told["top_logprobs"], strict=True):
        assert top == {token: logprob}
    streamed = chunks(writer, COMPLETIONS, messages=None, prompt="hi", logprobs=0, max_tokens=16)
    offsets = [
        at for chunk in streamed for each in chunk["choices"] for at in (each["logprobs"] or told)["text_offset"]
    ]
    assert offsets[:16] == told["text_offset"]


@pytest.mark.parametrize("more", [{"suffix": ""}, {"echo": False}, {"best_of": 1}, {"echo": None, "suffix": None}])
def test_what_changes_nothing_is_let_through(writer, more):
    assert ask(writer, **more)["choices"] == ask(writer)["choices"]
