"""Requests of the OpenAI dialect. What can have no effect is refused, and what is sent unasked is let through.

The bounds of numbers are those of the native dialect, which checks them.
"""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Annotated, Any, Literal

from annotated_types import MaxLen
from pydantic import BaseModel, BeforeValidator, Field, SkipValidation

from app.generation.tools import MOST_TOOLS
from app.tasks.embeddings import FeatureExtractionParameters
from app.tasks.generation_schema import (
    MOST_BIASES,
    MOST_CHOICES,
    MOST_MESSAGES,
    MOST_STOPS,
    ChatMessage,
    GenerationParameters,
)
from app.tasks.schema import OneFault, Schema, at_most

FOR_WHOM = Field(description="for whom it is asked: a rule on traffic keeps each of them with one version")
DEFAULT_TEXT_TOKENS = 16  # of a completion, as OpenAI has it; a chat has as many as its model's manifest says

BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def _bounds_of(schema: Any) -> dict[str, Any]:
    own = {name: schema[name] for name in BOUNDS if name in schema}
    return {**own, **{name: value for one in schema.get("anyOf", ()) for name, value in _bounds_of(one).items()}}


@cache
def _properties_of(Parameters: type[BaseModel]) -> dict[str, Any]:
    properties: dict[str, Any] = Parameters.model_json_schema()["properties"]
    return properties


def as_native(Parameters: type[BaseModel], name: str, about: str | None = None) -> Any:
    """Describe a field with the bounds of the native one, against which its value is checked."""
    bounds: Any = _bounds_of(_properties_of(Parameters)[name])
    return Field(description=about, json_schema_extra=bounds)


same = partial(as_native, GenerationParameters)

Texts = Annotated[
    list[str],
    OneFault(),
    BeforeValidator(lambda one: [one] if isinstance(one, str) else one, json_schema_input_type=str | list[str]),
]
MOST_METADATA, LONGEST_KEY, LONGEST_VALUE = 16, 64, 512  # of metadata, as OpenAI has them
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=LONGEST_KEY)], Annotated[str, Field(max_length=LONGEST_VALUE)]],
    MaxLen(MOST_METADATA),
    at_most(MOST_METADATA),
]


def _prompt(value: Any) -> Any:
    is_many = _all_are(str, value) or _all_are(int, value)
    if not (isinstance(value, str) or is_many or (_all_are(list, value) and all(_all_are(int, one) for one in value))):
        raise ValueError("must be a text, a list of texts, a list of token ids, or a list of such lists")
    return value


def _all_are(kind: type, value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is kind for one in value)


def _choice(value: Any) -> Any:
    if not isinstance(value, str | dict):
        raise ValueError('must be "none", "auto", "required", or an object that names a function')
    return value


class StreamOptions(Schema):
    include_usage: Annotated[bool, Field(description="a last chunk has the numbers of tokens, and no choices")] = False
    continuous_usage_stats: Annotated[bool, Field(description="each chunk has them, up to there")] = False
    include_obfuscation: Annotated[Literal[False], Field(description="nothing is put into chunks to hide sizes")] = (
        False
    )


class StructuredOutputs(Schema):
    """One of them: what the answer must be, in vLLM's words."""

    json_: Annotated[Any, Field(alias="json", description="a JSON schema, or a text that holds one")] = None
    regex: str | None = None
    choice: Annotated[list[str], OneFault()] | None = None


class GenerationRequest(Schema):
    """Fields that chats and completions have in common."""

    model: Annotated[str, Field(description="name or alias of a model")]
    max_tokens: Annotated[int | None, same("max_new_tokens", "most tokens of an answer")] = None
    min_tokens: Annotated[int, same("min_new_tokens")] = 0
    temperature: Annotated[float | None, same("temperature")] = None
    top_p: Annotated[float | None, same("top_p")] = None
    top_k: Annotated[int | None, Field(description="0 and -1: all", json_schema_extra={"minimum": -1})] = None
    min_p: Annotated[float, same("min_p")] = 0.0
    frequency_penalty: Annotated[float, same("frequency_penalty")] = 0.0
    presence_penalty: Annotated[float, same("presence_penalty")] = 0.0
    repetition_penalty: Annotated[float | None, same("repetition_penalty")] = None
    logit_bias: Annotated[
        dict[str, float],
        MaxLen(MOST_BIASES),
        at_most(MOST_BIASES),
        Field(default_factory=dict, description="by token id"),
    ]
    seed: Annotated[int | None, same("seed", "of several answers, the next has the next seed")] = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES, description="answers to each prompt")] = 1
    stop: Annotated[
        Texts, Field(default_factory=list, max_length=MOST_STOPS, description="texts before which an answer ends")
    ]
    stop_token_ids: Annotated[list[int], OneFault(), Field(default_factory=list, max_length=MOST_STOPS)]
    ignore_eos: bool = False
    skip_special_tokens: bool = True
    structured_outputs: StructuredOutputs | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    priority: Annotated[
        int, Field(ge=0, description="1 is first; from 10 on for the background; 0 is as good as 2")
    ] = 0
    user: Annotated[str | None, FOR_WHOM] = None
    safety_identifier: Annotated[str | None, FOR_WHOM] = None
    # What follows has no effect, and need have none.
    metadata: Metadata | None = None
    store: Literal[False] = False
    service_tier: Literal["auto", "default"] | None = None
    prompt_cache_key: str | None = None


class ChatRequest(GenerationRequest):
    """Body of `POST /v1/chat/completions`."""

    messages: Annotated[list[ChatMessage], OneFault(), Field(min_length=1, max_length=MOST_MESSAGES)]
    max_completion_tokens: Annotated[int | None, same("max_new_tokens", "another name of max_tokens")] = None
    logprobs: Annotated[bool, Field(description="tell each token with its logarithm of probability")] = False
    top_logprobs: Annotated[int | None, same("top_logprobs", "and so many of the likeliest in its place")] = None
    response_format: dict[str, Any] | None = None
    tools: Annotated[list[dict[str, Any]], OneFault(), Field(max_length=MOST_TOOLS)] | None = None
    tool_choice: Annotated[str | dict[str, Any] | None, BeforeValidator(_choice)] = None
    parallel_tool_calls: Annotated[bool | None, Field(description="has no effect")] = None
    chat_template_kwargs: Annotated[dict[str, Any], Field(default_factory=dict)]
    add_generation_prompt: bool | None = None
    continue_final_message: bool = False


class CompletionRequest(GenerationRequest):
    """Body of `POST /v1/completions`."""

    prompt: Annotated[
        SkipValidation[str | list[str] | list[int] | list[list[int]]],  # or each type is tried on all of it
        BeforeValidator(_prompt),
        Field(description="texts, or ids of the model's own tokens", json_schema_extra={"minLength": 1, "minItems": 1}),
    ]
    max_tokens: Annotated[int | None, same("max_new_tokens", "most tokens of an answer")] = DEFAULT_TEXT_TOKENS
    logprobs: Annotated[int | None, same("top_logprobs", "tell each token, and so many of the likeliest")] = None


def _texts(value: Any) -> Any:
    if isinstance(value, list) and any(type(one) in (int, list) for one in value):
        raise ValueError(
            "token ids are those of a tokenizer that the model does not have; send texts. LangChain sends them if it "
            "is told so: OpenAIEmbeddings(check_embedding_ctx_length=False)"
        )
    return [value] if isinstance(value, str) else value


class EmbeddingRequest(Schema):
    """Body of `POST /v1/embeddings`."""

    model: Annotated[str, Field(description="name or alias of a model")]
    input: Annotated[
        list[str], OneFault(), BeforeValidator(_texts, json_schema_input_type=str | list[str]), Field(min_length=1)
    ]
    encoding_format: Annotated[
        Literal["float", "base64"], Field(description="numbers, or the bytes of fp32, little-endian")
    ] = "float"
    dimensions: Annotated[
        int | None,
        as_native(FeatureExtractionParameters, "dimensions", "so many numbers from the beginning of each vector"),
    ] = None
    user: Annotated[str | None, FOR_WHOM] = None


Refused = Mapping[str, tuple[Sequence[Any], str]]
"""Parameters that others have: by name, the values that change nothing, and the reason why any other cannot be."""

REFUSED: Refused = {
    "audio": ((), "the model writes text, and no sound"),
    "modalities": ((["text"],), "the model writes text, and nothing else"),
    "prediction": ((), "an answer that is predicted is not written faster here"),
    "web_search_options": ((), "nothing is searched for"),
    "functions": ((), "send them as tools"),
    "function_call": ((), "send it as tool_choice"),
    "reasoning_effort": ((), "the model does not reason before it answers"),
    "verbosity": ((), "say in a message how long the answer is to be, or send max_tokens"),
    "store": ((False,), "no answer is kept"),
    "best_of": ((0, 1), "no more answers are written than are returned; send n"),
    "use_beam_search": ((False,), "tokens are drawn one by one"),
    "echo": ((False,), "an answer does not repeat its prompt"),
    "suffix": (("",), "the model writes on from a text, and does not fill gaps"),
    "prompt_logprobs": ((0,), "tokens of a prompt have none"),
    "truncate_prompt_tokens": ((), "a prompt that is too long is refused, and never cut"),
}
