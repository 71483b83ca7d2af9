"""Requests to what writes text, and to what embeds it: as large as the limits allow, and as bad as we could make them.

Long, since it is a table: one entry a request.
"""

import json
from collections.abc import Callable
from typing import Any

from benchmarks.liveness.making import MB, OK, REFUSED, Case, article, filled, names, plain, repeated

MODEL, EMBEDDER = "smollm2-instruct", "article-summarizer"
CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
RESPONSES, NATIVE = "/v1/responses", f"/v1/models/{MODEL}/predict"
TGI, TGI_STREAM, TGI_CHAT = (
    f"/hf/models/{MODEL}/{end}" for end in ("generate", "generate_stream", "v1/chat/completions")
)
TRITON, TRITON_STREAM = (f"/v2/models/{MODEL}/{end}" for end in ("generate", "generate_stream"))
TEI, RERANK = (f"/hf/models/{EMBEDDER}/{end}" for end in ("embed", "rerank"))

BODY = 7_900_000  # bytes: what a body for a model that writes may have, less some
VALUES = 490_000
LATE = (200, 429, 504)
FEW = 4  # tokens
NO = (*REFUSED, 413)

Body = Callable[[], bytes]


def chat(content: Any = "Hello!", **more: Any) -> Body:
    messages = [{"role": "user", "content": content}]
    return lambda: json.dumps({"model": MODEL, "messages": messages, "max_tokens": FEW, **more}).encode()


def completion(prompt: Any = "One,", **more: Any) -> Body:
    return lambda: json.dumps({"model": MODEL, "prompt": prompt, "max_tokens": FEW, **more}).encode()


def in_chat(start: str, size: int = BODY, piece: bytes = b"0,", end: bytes = b"0", count: int | None = None) -> Body:
    """A chat with one more field, which is filled up."""
    head = f'{{"model":"{MODEL}","messages":[{{"role":"user","content":"a"}}],{start}'.encode()
    closing = {"[": b"]}", "{": b"}}", '"': b'"}'}[start[-1]]
    return lambda: repeated(head, piece, end + closing, size, count)


def by_schema(schema: Any) -> Body:
    return chat(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}})


def by_regex(pattern: str) -> Body:
    return completion(structured_outputs={"regex": pattern})


def deep(depth: int) -> Any:
    schema: Any = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def references(count: int) -> Any:
    inside = {str(at): {"items": {"$ref": f"#/$defs/{at + 1}"}} for at in range(count)}
    return {"$defs": {**inside, str(count): {"type": "string"}}, "$ref": "#/$defs/0"}


def tools(count: int, fields: int) -> list[Any]:
    schema = {"type": "object", "properties": {f"field{i}": {"type": "string"} for i in range(fields)}}
    return [{"type": "function", "function": {"name": f"tool{i}", "parameters": schema}} for i in range(count)]


def fields(count: int) -> dict[str, int]:
    return {f"k{i}": 0 for i in range(count)}


def lawful_writing() -> list[Case]:
    parts = [{"type": "text", "text": "a"}] * 2000
    long = article(5_000)  # most of the context
    return [
        Case("a chat of 1,000 messages", CHAT, plain(lambda: _messages(1000)), (400,)),
        Case("a chat of eight answers", CHAT, plain(chat(n=8, logprobs=True, top_logprobs=20, max_tokens=64)), LATE),
        Case("a message of many parts", CHAT, plain(chat(parts)), (200, 400)),
        Case("a long prompt", COMPLETIONS, plain(completion(long)), LATE),
        Case("a long prompt in a stream", COMPLETIONS, plain(completion(long, stream=True)), LATE),
        Case("64 prompts", COMPLETIONS, plain(completion(["One, two,"] * 64)), LATE),
        Case("a long input", RESPONSES, plain(lambda: json.dumps({"model": MODEL, "input": long}).encode()), LATE),
        Case("a long text, TGI", TGI, plain(lambda: _tgi(long, details=True, top_n_tokens=5)), LATE),
        Case("the end of 3.9 MB, TGI", TGI, plain(lambda: _tgi(article(3_900_000), truncate=100)), LATE),
        Case("a chat, TGI", TGI_CHAT, plain(chat(stream=True)), LATE),
        Case("a long text, Triton", TRITON, plain(lambda: _triton(long)), LATE),
        Case("a long stream, Triton", TRITON_STREAM, plain(lambda: _triton(long)), LATE),
        Case("an answer by a schema", CHAT, plain(by_schema({"type": "object", "properties": {}})), LATE),
        Case("256 texts to embed", EMBEDDINGS, plain(lambda: _embedded([article(300)] * 256)), LATE),
        Case("256 texts to embed, base64", EMBEDDINGS, plain(lambda: _embedded(["a"] * 256, "base64")), LATE),
        Case("256 texts to embed, TEI", TEI, plain(lambda: json.dumps({"inputs": ["a"] * 256}).encode()), LATE),
        Case("a stream, and gone", CHAT, plain(chat(stream=True, max_tokens=500, ignore_eos=True)), (), 0.5),
        Case("a long prompt, and gone", COMPLETIONS, plain(completion(long, max_tokens=500)), (), 0.5),
    ]


def hostile_writing() -> list[Case]:
    marks = ["<|im_end|>"] * 380_000
    optional, divisor = by_regex("a?" * 45_000), by_schema({"type": "integer", "multipleOf": 1_000_003})
    named = {"type": "object", "patternProperties": {f"^a{i}$": {"type": "string"} for i in range(2000)}}
    arguments = "[" + "[]," * 1_300_000 + "[]]"
    called = [{"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": arguments}}]}]
    return [
        Case("a chat of 700,000 tokens", CHAT, plain(chat("a b c d e " * 350_000)), REFUSED),
        Case("a chat of special tokens", CHAT, plain(chat("".join(marks))), REFUSED),
        Case("a chat of as many as fit", CHAT, plain(chat("".join(marks[:8000]))), REFUSED),
        Case("eight such", CHAT, plain(chat("a b c d e " * 350_000, n=8)), REFUSED),
        Case("one word of 3.9 MB", COMPLETIONS, plain(completion("a" * 3_900_000)), REFUSED),
        Case("spaces of 3.9 MB", COMPLETIONS, plain(completion(" " * 3_900_000)), REFUSED),
        Case("emoji of 3.9 MB", TGI, plain(lambda: _tgi("😀" * 970_000)), NO),
        Case("too long a text, Triton", TRITON, plain(lambda: _triton("a b c " * 650_000)), REFUSED),
        Case("half a million token ids", COMPLETIONS, plain(completion([5] * VALUES)), REFUSED),
        Case("lists of token ids", COMPLETIONS, plain(completion([[5, 6]] * (VALUES // 3))), NO),
        Case("token ids, natively", NATIVE, plain(lambda: _native({"token_ids": [5] * VALUES})), REFUSED),
        Case("55,000 messages", CHAT, plain(lambda: _messages(50_000)), NO),
        Case("messages that are none", CHAT, plain(in_chat('"a":0,"messages":[', count=VALUES)), NO),
        Case("parts that are none", CHAT, plain(chat([{"type": "text", "text": 0}] * 50_000)), NO),
        Case("calls of a message", CHAT, plain(lambda: _with(called)), REFUSED),
        Case("stop texts", CHAT, plain(in_chat('"stop":[', piece=b'"a",', end=b'"a"', count=VALUES)), NO),
        Case("stops that are no texts", CHAT, plain(in_chat('"stop":[', count=VALUES)), NO),
        Case("a huge logit_bias", CHAT, plain(chat(logit_bias=fields(110_000))), NO),
        Case("a huge metadata", RESPONSES, plain(lambda: _metadata(fields(110_000))), NO),
        Case("a long metadata", RESPONSES, plain(lambda: _metadata({"a": "b" * 7_000_000})), NO),
        Case("tools of huge schemas", CHAT, plain(chat(tools=tools(120, 800), tool_choice="required")), NO),
        Case("tools that are none", CHAT, plain(in_chat('"tools":[', count=VALUES)), NO),
        Case("arguments of a template", CHAT, plain(chat(chat_template_kwargs=fields(110_000))), (200, *NO)),
        Case("nine answers", CHAT, plain(chat(n=9)), REFUSED),
        Case("unknown names, OpenAI", CHAT, plain(lambda: names("", "", 1_300_000)), NO),
        Case("unknown names, Triton", TRITON, plain(lambda: names('{"text_input":"a","b":', "}", 1_300_000)), NO),
        Case("unknown names beside, Triton", TRITON, plain(lambda: _triton("a", **fields(110_000))), NO),
        Case("unknown names, TGI", TGI, plain(lambda: names('{"inputs":"a","parameters":', "}", 1_300_000)), NO),
        Case("a schema of 7.9 MB", CHAT, plain(by_schema({"enum": ["a" * BODY]})), NO),
        Case("a schema of many values", CHAT, plain(by_schema({"enum": list(range(VALUES))})), NO),
        Case("a schema as text", COMPLETIONS, plain(completion(structured_outputs={"json": arguments})), NO),
        Case("a schema of 7,000 texts", CHAT, plain(by_schema({"enum": [f"value{i}" for i in range(7000)]})), LATE),
        Case("a tool of 3,000 fields", CHAT, plain(chat(tools=tools(1, 3000), tool_choice="required")), (200, 400)),
        Case("a deep schema", CHAT, plain(by_schema(deep(60))), (*LATE, *NO)),
        Case("a schema of references", CHAT, plain(by_schema(references(2500))), REFUSED),
        Case("a schema of patterns of names", CHAT, plain(by_schema(named)), REFUSED),
        Case("a schema with a large divisor", CHAT, plain(divisor), REFUSED),
        Case("a pattern of a million", COMPLETIONS, plain(by_regex("(a{1000}){1000}")), (*LATE, 400)),
        Case("a pattern of nested times", COMPLETIONS, plain(by_regex("((((a{10}){10}){10}){10}){10}")), LATE),
        Case("a pattern of what may be left out", COMPLETIONS, plain(optional), REFUSED),
        Case("a pattern of groups", COMPLETIONS, plain(by_regex("(" * 49_000 + "a" + ")" * 49_000)), REFUSED),
        Case("10,000 texts to embed", EMBEDDINGS, plain(lambda: _embedded(["a text"] * 10_000)), NO),
        Case("half a million to embed", EMBEDDINGS, plain(lambda: _embedded(["a"] * VALUES)), NO),
        Case("nulls to embed", EMBEDDINGS, plain(lambda: _embedded([None] * VALUES)), NO),
        Case("10,000 texts to embed, TEI", TEI, plain(lambda: json.dumps({"inputs": ["a"] * 10_000}).encode()), NO),
        Case("texts to rank", RERANK, plain(lambda: json.dumps({"query": "a", "texts": ["a"] * 99_000}).encode()), NO),
        Case("nested as deep as possible", CHAT, plain(in_chat('"metadata":[', piece=b"[", count=480_000)), NO),
        Case("names of a chat, all new", CHAT, plain(lambda: filled("{", lambda i: f'"{i:020}":0', "}", 3 * MB)), NO),
    ]  # fmt: skip


def _messages(count: int) -> bytes:
    return _with([{"role": "user", "content": "a"}] * count)


def _with(messages: list[Any]) -> bytes:
    return json.dumps({"model": MODEL, "messages": messages, "max_tokens": FEW}).encode()


def _tgi(text: str, **parameters: Any) -> bytes:
    return json.dumps({"inputs": text, "parameters": {"max_new_tokens": FEW, **parameters}}).encode()


def _triton(text: str, **more: Any) -> bytes:
    return json.dumps({"text_input": text, "max_tokens": FEW, **more}).encode()


def _native(item: Any) -> bytes:
    return json.dumps({"inputs": [item], "parameters": {"max_new_tokens": FEW}}).encode()


def _metadata(metadata: Any) -> bytes:
    return json.dumps({"model": MODEL, "input": "a", "max_output_tokens": FEW, "metadata": metadata}).encode()


def _embedded(texts: list[Any], form: str = "float") -> bytes:
    return json.dumps({"model": EMBEDDER, "input": texts, "encoding_format": form}).encode()


def warm() -> list[Case]:
    """One answer, and one by a grammar."""
    return [Case("an answer", CHAT, plain(chat()), OK), Case("a form", COMPLETIONS, plain(by_regex("[a-c]{2}")), OK)]
