"""Good requests to a model that writes text, in every dialect, whole and as a stream."""

import json
from typing import Any

from benchmarks.fuzz.asked import Asked

JSON = ("Content-Type", "application/json")
DEADLINE = "X-Request-Timeout-Ms"
PATIENCE = (DEADLINE, "8000")  # or whoever writes text is given ten minutes
PATIENT_MS = 15_000
TOKENS = 6
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "Hello!"}]}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "look_up", "description": "Looks up.", "parameters": SCHEMA}}
CALL = {"id": "1", "type": "function", "function": {"name": "look_up", "arguments": '{"a": 1}'}}
CALLED = [*CHAT, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "1", "content": "2"}]
SAMPLED = {"temperature": 0.7, "top_p": 0.9, "seed": 1, "stop": ["\n\n", "."], "logit_bias": {"11": -5}}

# By the path, with {model} for the name: bodies, each without what asks for a stream.
BODIES: dict[str, list[dict[str, Any]]] = {
    "/v1/chat/completions": [
        {"model": "{model}", "messages": CHAT, "max_tokens": TOKENS, "n": 2, "logprobs": True, "top_logprobs": 2},
        {"model": "{model}", "messages": CALLED, "max_completion_tokens": TOKENS, **SAMPLED, "metadata": {"a": "b"}},
        {"model": "{model}", "messages": CHAT, "max_tokens": TOKENS, "tools": [TOOL], "tool_choice": "required"},
        {
            "model": "{model}",
            "messages": CHAT,
            "max_tokens": TOKENS,
            "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
        },
    ],
    "/v1/completions": [
        {"model": "{model}", "prompt": ["One", "Two"], "max_tokens": TOKENS, "logprobs": 1, **SAMPLED},
        {"model": "{model}", "prompt": [1, 504, 11], "max_tokens": TOKENS, "structured_outputs": {"regex": "[a-c]{2}"}},
        {"model": "{model}", "prompt": "Yes or no?", "structured_outputs": {"choice": ["yes", "no"]}, "top_k": 5},
    ],
    "/v1/responses": [
        {"model": "{model}", "input": CHAT[:1], "instructions": "Be brief.", "max_output_tokens": TOKENS},
        {"model": "{model}", "input": "Hello!", "max_output_tokens": TOKENS, "text": {"format": {"type": "text"}}},
    ],
    "/hf/models/{model}": [
        {"inputs": "One, two,", "parameters": {"max_new_tokens": TOKENS, "details": True, "top_n_tokens": 2}}
    ],
    "/hf/models/{model}/generate": [
        {"inputs": "One,", "parameters": {"max_new_tokens": TOKENS, "grammar": {"type": "regex", "value": "a+"}}}
    ],
    "/hf/models/{model}/v1/chat/completions": [{"messages": CHAT, "max_tokens": TOKENS}],
    "/v1/models/{model}/predict": [
        {"inputs": [{"messages": CHAT}, {"text": "One,"}], "parameters": {"max_new_tokens": TOKENS, "top_logprobs": 1}}
    ],
}  # fmt: skip
STREAMS: list[dict[str, Any]] = [{}, {"stream": True}]
GENERATE = {"text_input": "One,", "parameters": {"max_tokens": TOKENS, "stop": ["."]}, "temperature": 0}


def writing_seeds(model: str) -> list[Asked]:
    found = []
    for path, bodies in BODIES.items():
        for body, stream in ((body, stream) for body in bodies for stream in STREAMS):
            found.append(_asked(path, {**body, **stream}, model))
    found.append(_asked("/hf/models/{model}/generate_stream", BODIES["/hf/models/{model}/generate"][0], model))
    for end in ("generate", "generate_stream"):
        found.append(_asked(f"/v2/models/{{model}}/{end}", GENERATE, model))
    return found


def may_take_longer(asked: Asked) -> bool:
    """Whether a request says that it has more time than we have."""
    said = next((value for name, value in reversed(asked.headers) if name == DEADLINE), "")
    return said.isdecimal() and len(said) < 7 and int(said) > PATIENT_MS


def _asked(path: str, body: dict[str, Any], model: str) -> Asked:
    content = json.dumps(body).replace("{model}", model).encode()
    kind = "stream" if "stream" in body or path.endswith("_stream") else "whole"
    return Asked(f"POST {path} {kind}", "POST", path.format(model=model), (JSON, PATIENCE), content)
