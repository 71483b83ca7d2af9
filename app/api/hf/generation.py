"""Answers of a model that writes text, whole or token by token, as TGI gives them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from app.api.errors import in_words
from app.api.hf.errors import error_type_of
from app.api.hf.generation_schema import (
    FinishReason,
    TgiEnd,
    TgiLine,
    TgiParameters,
    TgiToken,
)
from app.api.http.events import event
from app.errors import ServiceError
from app.serving.engine import Prediction
from app.tasks.generation_schema import GeneratedToken, Generation, GenerationInput, GenerationPiece
from app.tasks.json_pieces import NULL, array_of, object_with


def answer_of(drafts: Sequence[Generation], items: Sequence[GenerationInput], sent: TgiParameters) -> Iterator[bytes]:
    """A TgiAnswer as JSON: of the drafts, each of which has its item, the one whose tokens are the likeliest."""
    best = max(range(len(drafts)), key=lambda at: _mean_logprob(drafts[at]))
    told = {"generated_text": _text(drafts[best], items[best], sent), "generated": True}
    if not sent.details:
        return object_with(told)
    others = (
        _sequence(draft, item, sent, {"generated_text": _text(draft, item, sent)})
        for at, (draft, item) in enumerate(zip(drafts, items, strict=True))
        if at != best
    )
    of_others = array_of(others) if len(drafts) > 1 else NULL
    return object_with(told, details=_sequence(drafts[best], items[best], sent, best_of_sequences=of_others))


class Lines:
    """One event for each token. Texts of tokens make up the text that is written: none is that of an end, or half one.

    Without `[DONE]`, as TGI, whose own client knows none.
    """

    def __init__(self, request_id: str, item: GenerationInput, sent: TgiParameters) -> None:
        self._request_id, self._item, self._sent = request_id, item, sent
        self._written = _begin(item, sent)
        self._index = 0

    def piece(self, piece: Prediction) -> bytes:
        return b"".join(event(to_json(line)) for one in piece.outputs for line in self._lines(one))

    def failed(self, error: ServiceError) -> bytes:
        told = in_words(self._request_id, error, str(error))
        return event(to_json(told.model_copy(update={"error_type": error_type_of(error)})))

    def end(self) -> bytes:
        return b""

    def _lines(self, piece: GenerationPiece) -> Iterator[TgiLine]:
        text = piece.text + _stop(piece)
        self._written += text
        tokens = piece.tokens or []
        texts = ["" if token.special else token.text for token in tokens]
        if "".join(texts) != text:  # some of it was kept, or is not shown
            texts = [""] * (len(tokens) - 1) + [text]
        for at, (token, own) in enumerate(zip(tokens, texts, strict=False), 1):
            self._index += 1
            is_last = at == len(tokens)
            line = TgiLine(index=self._index, token=_token(token, own))
            if self._sent.top_n_tokens:
                line.top_tokens = _top(token)
            if is_last and piece.finish_reason:
                line.generated_text = self._written
                line.details = TgiEnd(**_end(piece, self._item, self._sent)) if self._sent.details else None
            yield line


def _text(answer: Generation, item: GenerationInput, sent: TgiParameters) -> str:
    return _begin(item, sent) + answer.generated_text + _stop(answer)


def _begin(item: GenerationInput, sent: TgiParameters) -> str:
    return (item.text or "") if sent.return_full_text else ""


def _stop(answer: Generation | GenerationPiece) -> str:
    """The text by which it was ended, which is part of an answer of TGI, and of no other."""
    ended_by = answer.stop_reason if answer.finish_reason == "stop" else None
    return ended_by if isinstance(ended_by, str) else ""


def _sequence(
    answer: Generation,
    item: GenerationInput,
    sent: TgiParameters,
    small: Mapping[str, Any] | None = None,
    **large: Iterable[bytes],
) -> Iterator[bytes]:
    """A TgiSequence as JSON, with what else it has."""
    tokens = answer.tokens or []
    top = array_of([to_json(_top(one))] for one in tokens) if sent.top_n_tokens else NULL
    told = {**(small or {}), **_end(answer, item, sent), "prefill": []}
    return object_with(told, tokens=array_of([to_json(_token(one))] for one in tokens), top_tokens=top, **large)


def _end(answer: Generation | GenerationPiece, item: GenerationInput, sent: TgiParameters) -> dict[str, Any]:
    return {
        "finish_reason": _finish(answer),
        "generated_tokens": answer.generated_tokens,
        "seed": None if sent.seed is None else sent.seed + item.sample,
        "input_length": answer.prompt_tokens,
    }


def _finish(answer: Generation | GenerationPiece) -> FinishReason:
    if answer.finish_reason != "stop":
        return "length"
    return "stop_sequence" if isinstance(answer.stop_reason, str) else "eos_token"


def _mean_logprob(answer: Generation) -> float:
    tokens = answer.tokens or []
    return sum(token.logprob for token in tokens) / max(1, len(tokens))


def _token(token: GeneratedToken, text: str | None = None) -> TgiToken:
    own = ("" if token.special else token.text) if text is None else text
    return TgiToken(id=token.id, text=own, logprob=token.logprob, special=token.special)


def _top(token: GeneratedToken) -> list[TgiToken]:
    return [TgiToken(id=one.id, text=one.text, logprob=one.logprob, special=False) for one in token.top]
