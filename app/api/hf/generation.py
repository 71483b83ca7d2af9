"""Answers of a model that writes text, whole or token by token, as TGI gives them."""

from collections.abc import Iterator

from pydantic_core import to_json

from app.api.errors import in_words
from app.api.hf.errors import error_type_of
from app.api.hf.generation_schema import FinishReason, TgiAnswer, TgiDetails, TgiLine, TgiParameters, TgiToken
from app.api.http.events import event
from app.errors import ServiceError
from app.serving.engine import Prediction
from app.tasks.generation_schema import GeneratedToken, Generation, GenerationPiece


def answer_of(answer: Generation, text: str, sent: TgiParameters) -> bytes:
    """One answer to `text`, as JSON."""
    told = TgiAnswer(generated_text=(text if sent.return_full_text else "") + answer.generated_text)
    if not sent.details:
        return to_json(told.model_dump(exclude={"details"}))
    tokens = answer.tokens or []
    details = _details(answer, sent).model_copy(update={"tokens": [_token(one) for one in tokens]})
    if sent.top_n_tokens:
        details.top_tokens = [_top(one) for one in tokens]
    return to_json(told.model_copy(update={"details": details}))


class Lines:
    """One event for each token. Texts of tokens make up the text that is written: none is that of an end, or half one.

    Without `[DONE]`, as TGI, whose own client knows none.
    """

    def __init__(self, request_id: str, text: str, sent: TgiParameters) -> None:
        self._request_id, self._sent = request_id, sent
        self._written = text if sent.return_full_text else ""
        self._index = 0

    def piece(self, piece: Prediction) -> bytes:
        return b"".join(event(to_json(line)) for one in piece.outputs for line in self._lines(one))

    def failed(self, error: ServiceError) -> bytes:
        told = in_words(self._request_id, error, str(error))
        return event(to_json(told.model_copy(update={"error_type": error_type_of(error)})))

    def end(self) -> bytes:
        return b""

    def _lines(self, piece: GenerationPiece) -> Iterator[TgiLine]:
        self._written += piece.text
        tokens = piece.tokens or []
        texts = ["" if token.special else token.text for token in tokens]
        if "".join(texts) != piece.text:  # some of it was kept, or is not shown
            texts = [""] * (len(tokens) - 1) + [piece.text]
        for at, (token, text) in enumerate(zip(tokens, texts, strict=False), 1):
            self._index += 1
            is_last = at == len(tokens)
            line = TgiLine(index=self._index, token=_token(token, text))
            if self._sent.top_n_tokens:
                line.top_tokens = _top(token)
            if is_last and piece.finish_reason:
                line.generated_text = self._written
                line.details = _details(piece, self._sent) if self._sent.details else None
            yield line


def _details(answer: Generation | GenerationPiece, sent: TgiParameters) -> TgiDetails:
    return TgiDetails(
        finish_reason=_finish(answer),
        generated_tokens=answer.generated_tokens,
        seed=sent.seed,
        input_length=answer.prompt_tokens,
    )


def _finish(answer: Generation | GenerationPiece) -> FinishReason:
    if answer.finish_reason != "stop":
        return "length"
    return "stop_sequence" if isinstance(answer.stop_reason, str) else "eos_token"


def _token(token: GeneratedToken, text: str | None = None) -> TgiToken:
    own = ("" if token.special else token.text) if text is None else text
    return TgiToken(id=token.id, text=own, logprob=token.logprob, special=token.special)


def _top(token: GeneratedToken) -> list[TgiToken]:
    return [TgiToken(id=one.id, text=one.text, logprob=one.logprob, special=False) for one in token.top]
