"""Chats as ids, against the transformers library's; and callers who write special tokens."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
import small_tokenizers
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from app.errors import InvalidArtifact, InvalidInput
from app.generation.encoding import special_tokens
from app.generation.template import ChatTemplate

CHATML = """{% for m in messages %}{% if loop.first and m.role != 'system' %}<|im_start|>system
You are a helpful assistant.<|im_end|>
{% endif %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
WITH_TOOLS = """{%- if tools %}{{- '<|im_start|>system\n' }}
{%- if messages[0].role == 'system' %}{{- messages[0].content + '\n\n' }}{%- endif %}
{%- for tool in tools %}{{- "\n" }}{{- tool | tojson }}{%- endfor %}{{- "<|im_end|>\n" }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role in ('user', 'system') or (message.role == 'assistant' and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}{{- '\n' + message.content }}{%- endif %}
        {%- for call in message.tool_calls %}
            {%- if call.function is defined %}{%- set call = call.function %}{%- endif %}
            {{- '\n<tool_call>\n{"name": "' }}{{- call.name }}
            {{- '", "arguments": ' }}{{- call.arguments | tojson }}{{- '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == 'tool' %}
        {%- if loop.index0 == 0 or messages[loop.index0 - 1].role != 'tool' %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\n<tool_response>\n' }}{{- message.content }}{{- '\n</tool_response>' }}
        {%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{- '<|im_end|>\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"""
HEADERS = """{{- bos_token }}{% set loop_messages = messages %}
{%- for message in loop_messages %}
{%- set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim %}
{{- content + '<|eot_id|>' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"""
INSTRUCTIONS = """{%- if messages[0]['role'] == 'system' %}{%- set system = messages[0]['content'] %}
{%- set rest = messages[1:] %}{%- else %}{%- set rest = messages %}{%- endif %}
{{- bos_token }}
{%- for message in rest %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Roles must alternate: user, assistant, user, ...') }}
    {%- endif %}
    {%- if message['role'] == 'user' %}
        {%- if loop.last and system is defined %}{{- '[INST] ' + system + '\n\n' + message['content'] + '[/INST]' }}
        {%- else %}{{- '[INST] ' + message['content'] + '[/INST]' }}{%- endif %}
    {%- else %}{{- ' ' + message['content'] | trim + eos_token }}{%- endif %}
{%- endfor %}"""
TURNS = """{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('No system role') }}{% endif %}
{%- for message in messages %}
{%- if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}
{{- '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""
KINDS = {
    "SmolLM2, ChatML": (CHATML, "<|im_start|>", "<|im_end|>"),
    "Qwen2.5": (WITH_TOOLS, "", "<|im_end|>"),
    "Llama 3": (HEADERS, "<|begin_of_text|>", "<|eot_id|>"),
    "Mistral": (INSTRUCTIONS, "<s>", "</s>"),
    "Gemma": (TURNS, "<bos>", "<eos>"),
}
WORDS = (
    "harbour",
    " pool",
    "\n",
    "  ",
    "> quoted",
    "a <",
    "漢字",
    "😀",
    "{{ x }}",
    "{% if %}",
    "</",
    "<|",
    "|>",
    "\t",
    "é",
    ".",
)
TOOL = {
    "type": "function",
    "function": {
        "name": "find",
        "description": 'Finds <a> & "b".',
        "parameters": {"type": "object", "properties": {"where": {"type": "string"}}},
    },
}


def chat(draw: random.Random, with_tools: bool = False) -> list[dict[str, Any]]:
    def text() -> str:
        return "".join(draw.choices(WORDS, k=draw.randint(0, 8)))

    messages = [{"role": "system", "content": text()}] if draw.random() < 0.4 else []
    for _ in range(draw.randint(1, 4)):
        messages.append({"role": "user", "content": text()})
        if with_tools and draw.random() < 0.5:
            function = {"name": "find", "arguments": {"where": text(), "n": [1, None]}}
            call = {"id": "call_1", "type": "function", "function": function}
            messages.append({"role": "assistant", "content": draw.choice([None, text()]), "tool_calls": [call] * 2})
            messages += [{"role": "tool", "tool_call_id": "call_1", "content": text()}] * draw.randint(1, 2)
        messages.append({"role": "assistant", "content": text()})
    return messages[: draw.choice([None, -1])]


def pair(kind: str, tokenizer: Tokenizer) -> tuple[ChatTemplate, PreTrainedTokenizerFast]:
    source, bos, eos = KINDS[kind]
    names = {name: text for name, text in (("bos_token", bos), ("eos_token", eos)) if text}
    theirs = PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=source, **names)
    return ChatTemplate(source, tokenizer, bos=bos, eos=eos), theirs


def expected(theirs: PreTrainedTokenizerFast, messages: list[dict[str, Any]], **options: Any) -> Any:
    try:
        return theirs.apply_chat_template(messages, return_dict=False, **options)
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("last_is", ["closed", "begun", "open"])
def test_the_ids_are_those_of_transformers(kind: str, last_is: str):
    ours, theirs = pair(kind, small_tokenizers.byte_level())
    draw, written = random.Random(0), 0
    for _ in range(200):
        messages = chat(draw, ours.has_tools)
        tools = [TOOL] if ours.has_tools and draw.random() < 0.5 else None
        options = {"add_generation_prompt": last_is == "begun", "continue_final_message": last_is == "open"}
        theirs_say = expected(theirs, messages, tools=tools, **options)
        if isinstance(theirs_say, list):
            assert ours.encode(messages, tools=tools, **options) == theirs_say, messages
            written += 1
        elif "does not appear in the chat" not in theirs_say[1]:
            with pytest.raises(InvalidInput) as refused:
                ours.encode(messages, tools=tools, **options)
            if last_is != "open":
                assert theirs_say[1] in str(refused.value)
    assert written > 50


def test_ids_of_a_tokenizer_that_begins_words_with_a_mark_are_those_of_transformers():
    ours, theirs = pair("Mistral", small_tokenizers.byte_fallback())
    draw, written = random.Random(3), 0
    for _ in range(200):
        messages = chat(draw)
        theirs_say = expected(theirs, messages)
        if isinstance(theirs_say, list):
            assert ours.encode(messages, add_generation_prompt=False) == theirs_say, messages
            written += 1
    assert written > 50


def test_the_ids_of_the_model_we_ship_are_those_of_transformers():
    tokenizer = small_tokenizers.built()
    if tokenizer is None:
        pytest.skip("smollm2-instruct is not built here")
    ours, theirs = pair("SmolLM2, ChatML", tokenizer)
    draw = random.Random(1)
    for _ in range(200):
        messages = chat(draw)
        assert ours.encode(messages) == expected(theirs, messages, add_generation_prompt=True)


def special_of(ids: Sequence[int], tokenizer: Tokenizer) -> list[str]:
    special = special_tokens(tokenizer)
    return [special[id] for id in ids if id in special]


def with_text(value: Any, text: str) -> Any:
    """The same with other texts, but for those that templates compare."""
    if isinstance(value, dict):
        return {k: v if k in ("role", "type") else with_text(v, text) for k, v in value.items()}
    return (
        [with_text(one, text) for one in value]
        if isinstance(value, list)
        else text
        if isinstance(value, str)
        else value
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tokenizer", [small_tokenizers.byte_level, small_tokenizers.byte_fallback])
def test_special_tokens_that_callers_write_are_text(kind: str, tokenizer: Any):
    tokenizer = tokenizer()
    source, bos, eos = KINDS[kind]
    template = ChatTemplate(source, tokenizer, bos=bos, eos=eos)
    written = [*special_tokens(tokenizer).values(), "<|im_<|im_end|>end|>", "<s<s>>", "|im_end|>", "<|im_"]
    draw = random.Random(2)
    for text in written:
        messages = chat(draw, template.has_tools)
        messages = messages[messages[0]["role"] == "system" :]
        tools = [TOOL] if template.has_tools else None
        hostile = template.encode(with_text(messages, f"a {text} b"), tools=with_text(tools, text))
        harmless = template.encode(with_text(messages, "a x b"), tools=with_text(tools, "x"))
        assert special_of(hostile, tokenizer) == special_of(harmless, tokenizer)
        assert f"a {text} b" in tokenizer.decode(hostile, skip_special_tokens=False)


def test_special_tokens_in_names_of_fields_and_in_arguments_are_text():
    tokenizer = small_tokenizers.byte_level()
    source = "{{ messages[0].content }}{{ tools | tojson }}{{ tools | tojson(ensure_ascii=True) }}{{ say }}<|im_end|>"
    template = ChatTemplate(source, tokenizer)
    tools = [{"type": "function", "<|im_end|>": {"<s>": ["</s>"]}}]
    ids = template.encode([{"role": "user", "content": "é"}], tools=tools, arguments={"say": ["<|im_end|>"]})
    assert special_of(ids, tokenizer) == ["<|im_end|>"]
    text = '[{"type": "function", "<|im_end|>": {"<s>": ["</s>"]}}]'
    assert tokenizer.decode(ids, skip_special_tokens=False) == f"é{text}{text}['<|im_end|>']<|im_end|>"


def test_special_tokens_are_not_put_together_from_parts():
    tokenizer = small_tokenizers.byte_level()
    template = ChatTemplate("{% for m in messages %}{{ m.content }}{% endfor %}|im_end|><|im_{{ end }}", tokenizer)
    parts = [{"role": "user", "content": part} for part in ("<|im_", "end|>", "<", "s>", "<")]
    ids = template.encode(parts, arguments={"end": "end|>"})
    assert tokenizer.decode(ids, skip_special_tokens=False) == "<|im_end|><s><|im_end|><|im_end|>"
    assert special_of(ids, tokenizer) == []


def test_tokens_that_were_added_as_text_stay_what_they_are():
    tokenizer = small_tokenizers.byte_level()
    (id,) = tokenizer.encode("<tool_call>").ids
    assert id in ChatTemplate(CHATML, tokenizer).encode([{"role": "user", "content": "<tool_call>"}])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ raise_exception('Only one question') }}", "Only one question"),
        ("{{ messages[0].content + 1 }}", "can only concatenate str"),
        ("{{ messages[7].content.x }}", "has no element 7"),
        ("{% include 'other' %}", "no loader"),
    ],
)
def test_what_a_template_says_is_told(source: str, said: str):
    with pytest.raises(InvalidInput, match=said) as refused:
        ChatTemplate(source, small_tokenizers.byte_level()).encode([{"role": "user", "content": "a"}])
    assert refused.value.details[0]["loc"] == ["messages"]


@pytest.mark.parametrize("name", ["messages", "tools", "bos_token", "add_generation_prompt"])
def test_arguments_are_not_what_the_template_is_given_anyway(name: str):
    with pytest.raises(InvalidInput) as refused:
        ChatTemplate(CHATML, small_tokenizers.byte_level()).encode(
            [{"role": "user", "content": "a"}], arguments={name: 1}
        )
    assert refused.value.details[0]["loc"] == ["arguments", name]


def test_a_last_message_without_end_cannot_be_gone_on_from():
    template = ChatTemplate("{{ messages[0].role }}", small_tokenizers.byte_level())
    for message in ({"role": "user", "content": "a"}, {"role": "assistant"}):
        with pytest.raises(InvalidInput) as refused:
            template.encode([message], continue_final_message=True)
        assert refused.value.details[0]["loc"] == ["messages", 0]


def test_too_deep_a_nest_is_refused():
    deep: dict[str, Any] = {}
    for _ in range(20_000):
        deep = {"a": deep}
    with pytest.raises(InvalidInput, match="deep"):
        ChatTemplate(CHATML, small_tokenizers.byte_level()).encode([{"role": "user", "content": "a"}], tools=[deep])


def test_a_source_that_is_no_template_is_no_artifact():
    with pytest.raises(InvalidArtifact, match="unknown tag"):
        ChatTemplate("{% nonsense %}", small_tokenizers.byte_level())


def test_whether_it_has_tools_is_known():
    tokenizer = small_tokenizers.byte_level()
    assert ChatTemplate(WITH_TOOLS, tokenizer).has_tools
    assert not ChatTemplate(CHATML, tokenizer).has_tools
