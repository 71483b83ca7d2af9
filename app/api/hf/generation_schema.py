"""Text generation as text-generation-inference (TGI) has it, which `huggingface_hub` and `text-generation` speak."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator

from app.api.hf.known import KnownOnly
from app.tasks.generation_schema import MAX_TOKENS, GenerationParameters, Grammar, StopTexts
from app.tasks.schema import Schema

DEFAULT_NEW_TOKENS = 100  # TGI's own
MOST_TOP_TOKENS = 5

# Of those that TGI knows: what we cannot do, by name, with the values that change nothing.
REFUSED: dict[str, tuple[tuple[Any, ...], str]] = {
    "adapter_id": ((), "the model has no adapters"),
    "best_of": ((1,), "no more answers are written than are returned"),
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
    stop: Annotated[StopTexts, Field(description="texts before which the answer ends")]
    truncate: Annotated[
        int | None, Field(ge=1, le=MAX_TOKENS, description="use only so many tokens from the end of the text")
    ] = None
    return_full_text: Annotated[bool, Field(description="put the text before what is written")] = False
    details: Annotated[bool, Field(description="tell each token, and why the answer ended")] = False
    top_n_tokens: Annotated[int, Field(ge=0, le=MOST_TOP_TOKENS, description="likeliest tokens in each place")] = 0
    grammar: TgiGrammar | None = None
    adapter_id: Annotated[str | None, Field(description="refused")] = None
    best_of: Annotated[int | None, Field(ge=1, le=1_000, description="1, or refused")] = None
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

    def native(self) -> GenerationParameters:
        is_drawn = self.do_sample or any(one is not None for one in (self.temperature, self.top_k, self.top_p))
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


class TgiDetails(BaseModel):
    finish_reason: FinishReason
    generated_tokens: int
    seed: int | None
    input_length: int
    prefill: list[TgiToken] = []
    tokens: list[TgiToken] = []
    top_tokens: list[list[TgiToken]] | None = None
    best_of_sequences: None = None


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
    details: TgiDetails | None = None
