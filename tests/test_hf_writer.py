"""A model that writes text, asked by the real `huggingface_hub` over real sockets."""

from collections.abc import Iterator

import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError, ValidationError
from services import running
from tiny_writer import WRITER, publish_writer

MESSAGES = [{"role": "user", "content": "Good morning"}]


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InferenceClient]:
    models = tmp_path_factory.mktemp("models")
    publish_writer(models, tmp_path_factory.mktemp("scratch"))
    with running(models) as service:
        yield InferenceClient(model=f"{service.url}/hf/models/{WRITER}")


def test_a_text_is_had_whole_and_in_a_stream_with_details_and_without(writer):
    text = writer.text_generation("abc", max_new_tokens=12)
    detailed = writer.text_generation("abc", max_new_tokens=12, details=True)
    assert detailed.generated_text == text
    assert detailed.details.finish_reason == "length"
    assert len(detailed.details.tokens) == detailed.details.generated_tokens == 12
    assert "".join(writer.text_generation("abc", max_new_tokens=12, stream=True)) == text
    told = list(writer.text_generation("abc", max_new_tokens=12, stream=True, details=True))
    assert "".join(one.token.text for one in told) == text == told[-1].generated_text
    assert told[-1].details.finish_reason == "length"
    assert [one.token.id for one in told] == [token.id for token in detailed.details.tokens]


def test_what_the_client_can_say_has_an_effect(writer):
    drawn = [
        writer.text_generation("abc", do_sample=True, temperature=1.5, seed=n, max_new_tokens=20) for n in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert writer.text_generation("abc", max_new_tokens=3, return_full_text=True).startswith("abc")
    assert writer.text_generation("x" * 1000 + "yz", truncate=2, max_new_tokens=9) == writer.text_generation(
        "yz", max_new_tokens=9
    )
    assert writer.text_generation("abc", grammar={"type": "regex", "value": "yes|no"}) in ("yes", "no")
    top = writer.text_generation("abc", details=True, top_n_tokens=2, max_new_tokens=3).details.top_tokens
    assert [len(one) for one in top] == [2, 2, 2]


def test_what_is_refused_is_the_clients_own_error_with_the_reason(writer):
    with pytest.raises(ValidationError, match="maximum context length"):
        writer.text_generation("x" * 1000)
    with pytest.raises(ValidationError, match="typical_p: is not supported"):
        writer.text_generation("abc", typical_p=0.5)
    with pytest.raises(HfHubHTTPError, match="maximum context length"):
        writer.chat_completion([{"role": "user", "content": "x" * 1000}])


def test_a_chat_is_had_whole_and_in_a_stream(writer):
    whole = writer.chat_completion(MESSAGES, max_tokens=12, temperature=0)
    assert whole.choices[0].finish_reason == "length"
    assert whole.usage.completion_tokens == 12
    told = list(writer.chat_completion(MESSAGES, max_tokens=12, temperature=0, stream=True))
    assert (
        "".join(one.choices[0].delta.content or "" for one in told if one.choices) == whole.choices[0].message.content
    )
    assert told[-1].choices[0].finish_reason == "length"


def test_a_chat_is_of_the_form_that_the_client_asks_for(writer):
    schema = {"type": "object", "properties": {"a": {"enum": [1]}}, "required": ["a"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "one", "schema": schema, "strict": True}}
    answer = writer.chat_completion(MESSAGES, max_tokens=60, response_format=form)
    assert answer.choices[0].message.content.replace(" ", "") == '{"a":1}'
