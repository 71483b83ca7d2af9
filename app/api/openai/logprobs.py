"""Tokens with their logarithms of probability, as chats and as completions have them."""

from collections.abc import Iterable, Sequence
from typing import Any

from app.tasks.generation_schema import GeneratedToken, Generation, GenerationPiece, LikelyToken


def tokens_of(answer: GenerationPiece | Generation) -> Sequence[GeneratedToken] | None:
    """Return the tokens of a text; the one by which the model ended it is none of them."""
    tokens = answer.tokens
    if tokens and answer.finish_reason == "stop" and tokens[-1].special:
        return tokens[:-1]
    return tokens


def of_chat(tokens: Sequence[GeneratedToken] | None) -> dict[str, Any] | None:
    if tokens is None:
        return None
    content = [{**_told(token), "top_logprobs": [_told(one) for one in token.top]} for token in tokens]
    return {"content": content, "refusal": None}


def _told(token: LikelyToken) -> dict[str, Any]:
    return {"token": token.text, "logprob": token.logprob, "bytes": list(token.bytes)}


class TextLogprobs:
    """Those of one text, whose tokens have places in it."""

    def __init__(self) -> None:
        self._offset = 0

    def of(self, tokens: Iterable[GeneratedToken] | None) -> dict[str, Any] | None:
        if tokens is None:
            return None
        told: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        for token in tokens:
            told["tokens"].append(token.text)
            told["token_logprobs"].append(token.logprob)
            told["top_logprobs"].append({one.text: one.logprob for one in token.top})
            told["text_offset"].append(self._offset)
            self._offset += len(token.text)
        return told
