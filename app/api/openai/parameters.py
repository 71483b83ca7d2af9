"""The parameters of a request, as the native dialect has them."""

from typing import Any

from app.api.errors import validated
from app.api.openai.errors import Words, reworded
from app.api.openai.formats import grammar_of
from app.api.openai.schemas import ChatRequest, CompletionRequest, GenerationRequest
from app.errors import InvalidInput
from app.tasks.generation_schema import GenerationParameters

SAME = (
    "temperature",
    "top_p",
    "min_p",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "logit_bias",
    "seed",
    "stop",
    "stop_token_ids",
    "ignore_eos",
    "skip_special_tokens",
)
"""Names that mean the same in both dialects."""

WORDS: Words = {
    "max_new_tokens": "max_tokens",
    "min_new_tokens": "min_tokens",
    "grammar": "response_format",
    "template_arguments": "chat_template_kwargs",
    "arguments": "chat_template_kwargs",
    "text": "prompt",
    "token_ids": "prompt",
}


def parameters_of(sent: ChatRequest | CompletionRequest) -> GenerationParameters:
    """Raises InvalidInput under the names of this dialect."""
    if sent.stream_options is not None and not sent.stream:
        raise InvalidInput("has no effect without stream").under("stream_options")
    own, words = _of_chat(sent) if isinstance(sent, ChatRequest) else _of_completion(sent)
    native = {
        **{name: getattr(sent, name) for name in SAME},
        **own,
        "min_new_tokens": sent.min_tokens,
        "top_k": 0 if sent.top_k == -1 else sent.top_k,
    }
    if own["max_new_tokens"] is not None and 0 < own["max_new_tokens"] < sent.min_tokens:
        raise InvalidInput(f"is more than the most, {own['max_new_tokens']}").under("min_tokens")
    try:
        return validated(GenerationParameters, native)
    except InvalidInput as error:
        raise reworded(error.under("parameters"), words) from None


def is_told(sent: GenerationRequest, name: str) -> bool:
    return bool(sent.stream_options and getattr(sent.stream_options, name))


def _of_chat(sent: ChatRequest) -> tuple[dict[str, Any], Words]:
    one, other = sent.max_tokens, sent.max_completion_tokens
    if one is not None and other is not None and one != other:
        raise InvalidInput(f"max_tokens is {one}, which means the same; send one of them").under(
            "max_completion_tokens"
        )
    if sent.top_logprobs is not None and not sent.logprobs:
        raise InvalidInput("has no effect without logprobs").under("top_logprobs")
    grammar = grammar_of(sent.response_format, sent.structured_outputs)
    if grammar is not None and sent.tools and sent.tool_choice not in (None, "none", "auto"):
        raise InvalidInput("the answer must be a call of a tool, by tool_choice").under("response_format")
    own = {
        "max_new_tokens": one if other is None else other,
        "top_logprobs": (sent.top_logprobs or 0) if sent.logprobs else None,
        "grammar": grammar,
    }
    return own, WORDS if other is None else {**WORDS, "max_new_tokens": "max_completion_tokens"}


def _of_completion(sent: CompletionRequest) -> tuple[dict[str, Any], Words]:
    own = {
        "max_new_tokens": sent.max_tokens,
        "top_logprobs": sent.logprobs,
        "grammar": grammar_of(None, sent.structured_outputs),
    }
    return own, {**WORDS, "top_logprobs": "logprobs"}
