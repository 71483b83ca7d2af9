"""From tokens to text: one answer as it grows, in pieces, and whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.generation.prompt import Progress, Prompt, Token
from app.generation.repetition import repeats
from app.generation.stops import StopStrings
from app.generation.tools import Tools
from app.generation.vocabulary import Detokenizer, Vocabulary
from app.tasks.generation_schema import (
    FinishReason,
    GeneratedCall,
    GeneratedToken,
    Generation,
    GenerationParameters,
    GenerationPiece,
    LikelyToken,
)

CALL = "<tool_call>"


@dataclass(frozen=True, slots=True)
class Drafted:
    """An item, ready to be generated: its prompt, and the tools of which the answer may be a call."""

    prompt: Prompt
    tools: Tools | None = None


class Pieces:
    """One answer. Once `is_over`, there is no use in generating more of it."""

    def __init__(self, vocabulary: Vocabulary, draft: Drafted, parameters: GenerationParameters, item: int = 0) -> None:
        self.is_over = False
        self._vocabulary = vocabulary
        self._draft = draft
        self._item = item
        self._shows_tokens = parameters.top_logprobs is not None
        self._stop_ids = frozenset(parameters.stop_token_ids)
        self._watches = not (parameters.ignore_eos or parameters.grammar or draft.tools)
        self._detokenizer = Detokenizer(vocabulary, parameters.skip_special_tokens)
        self._stops = StopStrings(parameters.stop)
        self._ids: list[int] = []
        self._kept = ""

    def push(self, progress: Progress) -> GenerationPiece:
        """Return what is new. After `is_over`, nothing is."""
        text, finish = "", progress.finish
        stop_reason: str | int | None = None
        tokens: list[Token] = []
        for token in progress.tokens:
            self._ids.append(token.id)
            tokens.append(token)
            if token.id in self._draft.prompt.end_ids:  # it ends the answer, and is no part of its text
                stop_reason = token.id if token.id in self._stop_ids else None
                break
            text += self._stops.push(self._detokenizer.push([token.id]))
            if self._stops.found is not None:
                finish, stop_reason = "stop", self._stops.found
                break
            if self._watches and repeats(self._ids):
                finish, stop_reason = "length", "repetition"
                break
        if finish:
            text += self._rest()
            if self._stops.found is not None:
                finish, stop_reason = "stop", self._stops.found
        self.is_over = bool(finish)
        text, calls = self._shown_text(text)
        reason: FinishReason | None = "tool_calls" if calls and finish == "stop" else finish or None
        return GenerationPiece(
            item=self._item,
            text=text,
            tokens=[self._shown(token) for token in tokens] if self._shows_tokens else None,
            tool_calls=calls,
            finish_reason=reason,
            stop_reason=stop_reason,
            prompt_tokens=len(self._draft.prompt.ids),
            generated_tokens=len(self._ids),
            cached_tokens=progress.cached_tokens,
        )

    def whole(self, pieces: Sequence[GenerationPiece]) -> Generation:
        """The answer whose pieces these are, the last of them included."""
        last = pieces[-1]
        assert last.finish_reason is not None
        return Generation(
            generated_text="".join(piece.text for piece in pieces),
            tool_calls=last.tool_calls,
            finish_reason=last.finish_reason,
            stop_reason=last.stop_reason,
            tokens=[token for piece in pieces for token in piece.tokens or ()] if self._shows_tokens else None,
            prompt_tokens=last.prompt_tokens,
            generated_tokens=last.generated_tokens,
            cached_tokens=last.cached_tokens,
        )

    def _shown_text(self, text: str) -> tuple[str, list[GeneratedCall] | None]:
        """The part of the new text that may be shown, and the calls that the answer is, once it is over.

        What may yet turn out to be a call is kept until then.
        """
        tools = self._draft.tools
        if tools is None:
            return text, None
        self._kept += text
        if self.is_over:
            calls = [GeneratedCall.model_validate(one) for one in tools.calls(self._kept)]
            return ("", calls) if calls else (self._kept, None)
        start = self._kept.lstrip()
        if tools.is_required or start.startswith(CALL) or CALL.startswith(start):
            return "", None
        shown, self._kept = self._kept, ""
        return shown, None

    def _rest(self) -> str:
        if self._stops.found is not None:
            return ""
        return self._stops.push(self._detokenizer.end()) + self._stops.end()

    def _shown(self, token: Token) -> GeneratedToken:
        return GeneratedToken(
            **self._likely(token.id, token.logprob or 0.0),
            special=self._vocabulary.is_special(token.id),
            top=[LikelyToken(**self._likely(id, logprob)) for id, logprob in token.top],
        )

    def _likely(self, id: int, logprob: float) -> dict[str, Any]:
        known = self._vocabulary
        return {"id": id, "text": known.text_of(id), "logprob": logprob, "bytes": list(known.bytes_of(id))}
