"""Tokens with their logarithms of probability, as chats and as completions have them."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from pydantic_core import to_json

from app.tasks.generation_schema import GeneratedToken, Generation, GenerationPiece, LikelyToken
from app.tasks.json_pieces import NULL, array_of, object_with


def tokens_of(answer: GenerationPiece | Generation) -> Sequence[GeneratedToken] | None:
    """Return the tokens of a text; the one by which the model ended it is none of them."""
    tokens = answer.tokens
    if tokens and answer.finish_reason == "stop" and tokens[-1].special:
        return tokens[:-1]
    return tokens


def of_chat(tokens: Sequence[GeneratedToken] | None) -> dict[str, Any] | None:
    if tokens is None:
        return None
    return {"content": list(map(_of_chat, tokens)), "refusal": None}


def pieces_of_chat(tokens: Sequence[GeneratedToken] | None) -> Iterable[bytes]:
    """Those of a whole answer, as JSON: of eight long ones there may be hundreds of thousands."""
    if tokens is None:
        return NULL
    return object_with({"refusal": None}, content=array_of([to_json(_of_chat(token))] for token in tokens))


def _of_chat(token: GeneratedToken) -> dict[str, Any]:
    return {**_told(token), "top_logprobs": [_told(one) for one in token.top]}


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
            told["top_logprobs"].append(_of_text(token))
            told["text_offset"].append(self._offset)
            self._offset += len(token.text)
        return told


def pieces_of_text(tokens: Sequence[GeneratedToken] | None) -> Iterable[bytes]:
    """Those of a whole text, as JSON."""
    if tokens is None:
        return NULL
    ends = accumulate((len(token.text) for token in tokens), initial=0)
    told = {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "text_offset": [offset for _, offset in zip(tokens, ends, strict=False)],
    }
    return object_with(told, top_logprobs=array_of([to_json(_of_text(token))] for token in tokens))


def _of_text(token: GeneratedToken) -> dict[str, float]:
    return {one.text: one.logprob for one in token.top}
