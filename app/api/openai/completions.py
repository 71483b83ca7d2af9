"""Texts that are gone on with: `POST /v1/completions`."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.ask import Addressed, Question, ask_addressed
from app.api.errors import validated
from app.api.given import Given
from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.askers import asker_of
from app.api.http.routes import Handler
from app.api.openai.answers import Chunks, Reply, Whole
from app.api.openai.chat import VIEW, WRITES
from app.api.openai.errors import reworded
from app.api.openai.logprobs import TextLogprobs, pieces_of_text, tokens_of
from app.api.openai.models import find
from app.api.openai.parameters import WORDS, parameters_of
from app.api.openai.reading import read
from app.api.openai.schemas import CompletionRequest
from app.errors import InvalidInput
from app.tasks.generation_schema import GeneratedToken, Generation, GenerationInput, GenerationPiece
from app.tasks.text_generation import TextGeneration


def complete(given: Given) -> Handler:
    async def read_text(request: Request, body: bytes, aside: Aside) -> Addressed:
        sent, items, parameters = await aside.read(lambda: _asked(body, given), is_quick=len(body) <= QUICK_BYTES)
        asker = asker_of(request, sent.safety_identifier or sent.user)
        served = find(given.engine, sent.model, VIEW, WRITES, asker)
        request.scope["served"] = served
        reply = Reply.of(request, sent, served, "cmpl")
        written = TextChunks(reply) if sent.stream else None
        question = Question(
            VIEW, items, parameters, TextWhole(reply, aside).respond, priority=sent.priority, written=written
        )
        return Addressed(served, question)

    async def answer(request: Request, names: dict[str, str]) -> Response:
        return await ask_addressed(given, read_text, request, TextGeneration.contract.timeout_s)

    return answer


def _asked(body: bytes, given: Given) -> tuple[CompletionRequest, list[GenerationInput], Any]:
    sent = read(CompletionRequest, body, given.limits.json)
    prompts = _prompts(sent.prompt)
    if len(prompts) * sent.n > given.limits.max_items:
        raise InvalidInput(
            f"{len(prompts)} prompts with {sent.n} answers each; a request may have {given.limits.max_items} answers"
        ).under("prompt")
    try:
        items = [
            validated(GenerationInput, {**prompt, "sample": sample}) for prompt in prompts for sample in range(sent.n)
        ]
    except InvalidInput as error:
        raise reworded(error.under("inputs", 0), WORDS) from None
    return sent, items, parameters_of(sent)


def _prompts(prompt: str | Sequence[Any]) -> list[dict[str, Any]]:
    """Return the prompts of a request: a list of numbers is one, a list of texts or lists is several."""
    if not prompt:
        raise InvalidInput("is empty").under("prompt")
    if isinstance(prompt, str):
        return [{"text": prompt}]
    if isinstance(prompt[0], int):
        return [{"token_ids": prompt}]
    return [{"text" if isinstance(one, str) else "token_ids": one} for one in prompt]


class TextWhole(Whole):
    kind = "text_completion"

    def written(self, answer: Generation) -> dict[str, Any]:
        return {"text": answer.generated_text}

    def logprobs(self, tokens: Sequence[GeneratedToken] | None) -> Iterable[bytes]:
        return pieces_of_text(tokens)


class TextChunks(Chunks):
    kind = "text_completion"

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self._logprobs: dict[int, TextLogprobs] = defaultdict(TextLogprobs)

    def choices(self, piece: GenerationPiece) -> Iterator[dict[str, Any]]:
        told = self._logprobs[piece.item].of(tokens_of(piece))
        if piece.text or (told and told["tokens"]):
            yield {"text": piece.text, "logprobs": told, "finish_reason": None}
        if piece.finish_reason:
            ended = {"finish_reason": piece.finish_reason, "stop_reason": piece.stop_reason}
            yield {"text": "", "logprobs": None, **ended}
