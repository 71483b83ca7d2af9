"""Text generation as text-generation-inference (TGI) has it, which `huggingface_hub` and `text-generation` speak."""

from collections.abc import Iterator, Sequence
from itertools import product
from secrets import randbits
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from app.api.hf.known import KnownOnly
from app.tasks.generation_schema import (
    MAX_TOKENS,
    MOST_CHOICES,
    GenerationInput,
    GenerationParameters,
    Grammar,
    StopTexts,
)
from app.tasks.schema import Schema

DEFAULT_NEW_TOKENS = 100  # TGI's own
MOST_TOP_TOKENS = 5
SEED_BITS = 53  # of one that is drawn: every reader of JSON keeps them

# Of those that TGI knows: what we cannot do, by name, with the values that change nothing.
REFUSED: dict[str, tuple[tuple[Any, ...], str]] = {
    "adapter_id": ((), "the model has no adapters"),
    "decoder_input_details": ((False,), "tokens of a prompt have no log-probabilities here"),
    "typical_p": ((1.0,), "tokens are chosen by temperature, top_k and top_p"),
    "watermark": ((False,), "tokens are not marked"),
}


class TgiGrammar(Schema):
    """`value` is a JSON schema, or a regular expression."""

    type: Literal["json", "json_schema", "regex"]
    value: Any

    def native(self) -> Grammar:
        value = self.value
        if self.type == "json_schema" and isinstance(value, dict) and "schema" in value:  # with a name beside it
            value = value["schema"]
        return Grammar(type="regex" if self.type == "regex" else "json_schema", value=value)


class TgiParameters(KnownOnly):
    """TGI's, with its defaults: without any of `do_sample`, `temperature`, `top_k` and `top_p` the likeliest token."""

    do_sample: bool = False
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_k: Annotated[int | None, Field(ge=0, le=MAX_TOKENS)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    repetition_penalty: Annotated[float, Field(gt=0, le=10)] = 1.0
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0
    max_new_tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)] = DEFAULT_NEW_TOKENS
    seed: Annotated[int | None, Field(ge=0, lt=2**64)] = None
    stop: Annotated[StopTexts, Field(description="texts after which the answer ends: it has them, as with TGI")]
    truncate: Annotated[
        int | None, Field(ge=1, le=MAX_TOKENS, description="use only so many tokens from the end of the text")
    ] = None
    return_full_text: Annotated[bool, Field(description="put the text before what is written")] = False
    details: Annotated[bool, Field(description="tell each token, and why the answer ended")] = False
    top_n_tokens: Annotated[int, Field(ge=0, le=MOST_TOP_TOKENS, description="likeliest tokens in each place")] = 0
    grammar: TgiGrammar | None = None
    best_of: Annotated[
        int | None,
        Field(ge=1, le=MOST_CHOICES, description="write so many, and return the one with the likeliest tokens"),
    ] = None
    adapter_id: Annotated[str | None, Field(description="refused")] = None
    decoder_input_details: Annotated[bool | None, Field(description="false, or refused")] = None
    typical_p: Annotated[float | None, Field(description="1, or refused")] = None
    watermark: Annotated[bool | None, Field(description="false, or refused")] = None

    @field_validator(*REFUSED)
    @classmethod
    def _can_be_done(cls, value: Any, known: Any) -> Any:
        harmless, why = REFUSED[known.field_name]
        if value is not None and value not in harmless:
            raise ValueError(f"is not supported: {why}")
        return value

    @model_validator(mode="after")
    def _several_can_differ(self) -> Self:
        if self.num_drafts > 1 and not self.is_drawn:
            raise ValueError("best_of takes tokens that are drawn: send do_sample, temperature, top_k or top_p")
        if self.num_drafts > 1 and self.seed is not None:
            raise ValueError("best_of draws its seeds: leave out seed")
        return self

    def drafts(self, inputs: Sequence[GenerationInput]) -> Iterator[GenerationInput]:
        """Yield each input once for each answer to it. They have one seed only if the caller sent it."""
        for at, (item, _) in enumerate(product(inputs, range(self.num_drafts))):
            yield item if self.seed is not None else item.model_copy(update={"sample": at})

    def with_seed(self) -> Self:
        """Return them with a seed, if tokens are drawn: it is told, so that the answer can be had again."""
        is_missing = self.is_drawn and self.seed is None
        return self.model_copy(update={"seed": randbits(SEED_BITS)}) if is_missing else self

    @property
    def is_drawn(self) -> bool:
        return self.do_sample or any(one is not None for one in (self.temperature, self.top_k, self.top_p))

    @property
    def num_drafts(self) -> int:
        return self.best_of or 1

    def native(self) -> GenerationParameters:
        is_drawn = self.is_drawn
        native = {
            "temperature": (1.0 if self.temperature is None else self.temperature) if is_drawn else 0.0,
            "top_k": self.top_k or 0,
            "top_p": self.top_p or 1.0,
            "repetition_penalty": self.repetition_penalty,
            "frequency_penalty": self.frequency_penalty,
            "max_new_tokens": self.max_new_tokens,
            "max_prompt_tokens": self.truncate,
            "seed": self.seed,
            "stop": self.stop,
            "top_logprobs": self.top_n_tokens,
            "grammar": None if self.grammar is None else self.grammar.native(),
        }
        return GenerationParameters.model_validate(native)


FinishReason = Literal["length", "eos_token", "stop_sequence"]


class TgiToken(BaseModel):
    id: int
    text: str
    logprob: float
    special: bool


class TgiEnd(BaseModel):
    """Of an answer that was streamed, whose tokens have been told."""

    finish_reason: FinishReason
    generated_tokens: int
    seed: Annotated[int | None, Field(description="with which it can be had again; null if no token was drawn")]
    input_length: Annotated[int, Field(description="tokens of the prompt")]


class TgiSequence(TgiEnd):
    prefill: list[TgiToken] = []
    tokens: list[TgiToken] = []
    top_tokens: list[list[TgiToken]] | None = None


class TgiOther(TgiSequence):
    """An answer of `best_of` that was not the best."""

    generated_text: str


class TgiDetails(TgiSequence):
    best_of_sequences: list[TgiOther] | None = None


class TgiAnswer(BaseModel):
    generated_text: str
    generated: Annotated[Literal[True], Field(description="by a model, and not verified by anybody")] = True
    details: Annotated[TgiDetails | None, Field(description="only if they were asked for")] = None


class TgiLine(BaseModel):
    """The data of one event: a token; the last one has the whole text."""

    index: Annotated[int, Field(description="of the token, from 1")]
    token: TgiToken
    top_tokens: list[TgiToken] | None = None
    generated_text: str | None = None
    details: TgiEnd | None = None
