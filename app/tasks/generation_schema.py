"""All that callers send to a model that writes text, and get from it."""

from typing import Annotated, Any, Literal, Self

from annotated_types import MaxLen
from pydantic import BaseModel, Field, model_validator

from app.generation.tools import MOST_TOOLS
from app.tasks.schema import OneFault, Schema, at_most

MOST_STOPS, MOST_STOP_CHARACTERS = 16, 256
MOST_MESSAGES = 1_000
MOST_LOGPROBS = 20
MOST_CHOICES = 8  # of one prompt
MOST_BIASES = 1_000
MOST_PARTS = 10_000  # of a message
MAX_TOKENS = 1_000_000  # of any model: whether they fit in its context is another question

FinishReason = Literal["stop", "length", "tool_calls"]
TokenId = Annotated[int, Field(ge=0, lt=MAX_TOKENS)]


class TextGenerationConfig(Schema):
    """The graph is a decoder: app/runtimes/onnx_decoder.py tells its inputs and outputs.

    `context` tokens go into it, of prompt and answer together. What a caller does not say is taken from the defaults
    here. Clients may call the model by its `aliases`, too: that of the hub that it comes from, for example.
    """

    tokenizer: str
    chat_template: str | None = None
    """Artifact with the template of a chat, in Jinja; without one the model only goes on with a text."""
    context: Annotated[int, Field(ge=8, le=MAX_TOKENS)]
    eos_token_ids: Annotated[list[TokenId], Field(min_length=1)]
    bos_token: str = ""
    eos_token: str = ""
    max_new_tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)] = 256
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=0)] = 0
    repetition_penalty: Annotated[float, Field(gt=0, le=10)] = 1.0
    aliases: Annotated[list[str], Field(default_factory=list)]


class TextPart(Schema):
    type: Literal["text"] = "text"
    text: str


class FunctionCall(Schema):
    name: str
    arguments: str


class ToolCall(Schema):
    id: str = ""
    type: Literal["function"] = "function"
    function: FunctionCall


class ChatMessage(Schema):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | Annotated[list[TextPart], OneFault(), Field(max_length=MOST_PARTS)] | None = None
    name: str | None = None
    tool_calls: Annotated[list[ToolCall], OneFault(), Field(max_length=MOST_TOOLS)] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None


class GenerationInput(Schema):
    """The beginning of an answer: a text, the messages of a chat, or token ids."""

    text: Annotated[str | None, Field(description="a text, which the model goes on with")] = None
    messages: Annotated[
        Annotated[list[ChatMessage], OneFault(), Field(min_length=1, max_length=MOST_MESSAGES)] | None,
        Field(description="a chat, to which the model adds the next message"),
    ] = None
    token_ids: Annotated[
        Annotated[list[TokenId], OneFault(), Field(min_length=1)] | None,
        Field(description="ids of the model's own tokens, which it goes on with"),
    ] = None
    tools: Annotated[
        Annotated[list[dict[str, Any]], OneFault(), Field(max_length=MOST_TOOLS)] | None,
        Field(description="functions that the model may ask for"),
    ] = None
    tool_choice: str | dict[str, Any] | None = None
    add_generation_prompt: Annotated[bool, Field(description="whether the model's turn begins")] = True
    continue_final_message: Annotated[bool, Field(description="whether it goes on with the last message")] = False
    template_arguments: Annotated[
        dict[str, Any], Field(default_factory=dict, description="what the chat template is given besides")
    ]
    sample: Annotated[
        int, Field(ge=0, le=1_000_000, description="of several answers to the same input: its seed is seed + sample")
    ] = 0

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        given = [name for name in ("text", "messages", "token_ids") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"send one of text, messages and token_ids, not {' and '.join(given) or 'none of them'}")
        begins = self.add_generation_prompt and "add_generation_prompt" in self.model_fields_set
        if self.continue_final_message and begins:
            raise ValueError("continue_final_message and add_generation_prompt cannot both be true")
        return self


class Grammar(Schema):
    """The form of an answer: `value` is a JSON schema, a regular expression, or a list of texts to choose from."""

    type: Literal["json_schema", "json_object", "regex", "choice"]
    value: Any = None


StopTexts = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=MOST_STOP_CHARACTERS)]],
    OneFault(),
    Field(default_factory=list, max_length=MOST_STOPS),
]


class GenerationParameters(Schema):
    """Choices of how it goes on; what is left out is taken from the model."""

    max_new_tokens: Annotated[int | None, Field(ge=1, le=MAX_TOKENS, description="most tokens of an answer")] = None
    max_prompt_tokens: Annotated[
        int | None,
        Field(ge=1, le=MAX_TOKENS, description="go on with only so many tokens from the end of a text, whatever it is"),
    ] = None
    min_new_tokens: Annotated[int, Field(ge=0, le=MAX_TOKENS, description="fewest tokens of an answer")] = 0
    temperature: Annotated[
        float | None, Field(ge=0, le=2, description="0: the likeliest token always; the more, the less likely ones")
    ] = None
    top_k: Annotated[int | None, Field(ge=0, le=MAX_TOKENS, description="of the likeliest, how many; 0: all")] = None
    top_p: Annotated[float | None, Field(gt=0, le=1, description="the likeliest with this share together")] = None
    min_p: Annotated[float, Field(ge=0, le=1, description="those with this share of the likeliest one's")] = 0.0
    repetition_penalty: Annotated[
        float | None, Field(gt=0, le=10, description="above 1: what was generated becomes less likely")
    ] = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2, description="taken off for each time")] = 0.0
    presence_penalty: Annotated[float, Field(ge=-2, le=2, description="taken off if it was there at all")] = 0.0
    logit_bias: Annotated[
        dict[TokenId, Annotated[float, Field(ge=-100, le=100)]],
        MaxLen(MOST_BIASES),
        at_most(MOST_BIASES),
        Field(default_factory=dict, description="added to the logits of these token ids"),
    ]
    seed: Annotated[int | None, Field(ge=-(2**63), lt=2**64, description="the same seed gives the same answer")] = None
    stop: Annotated[StopTexts, Field(description="texts before which an answer ends")]
    stop_token_ids: Annotated[
        list[TokenId],
        OneFault(),
        Field(default_factory=list, max_length=MOST_STOPS, description="tokens that end it, too"),
    ]
    ignore_eos: Annotated[bool, Field(description="go on where the model would end, up to max_new_tokens")] = False
    skip_special_tokens: Annotated[bool, Field(description="whether special tokens are left out of the text")] = True
    top_logprobs: Annotated[
        int | None,
        Field(ge=0, le=MOST_LOGPROBS, description="tell each token, with the likeliest others and their logarithms"),
    ] = None
    grammar: Annotated[Grammar | None, Field(description="what an answer must be")] = None


class LikelyToken(BaseModel):
    id: int
    text: str
    logprob: float
    bytes: Annotated[list[int], Field(description="of the text, of which some tokens have a part of a character")]


class GeneratedToken(LikelyToken):
    special: Annotated[bool, Field(description="whether it controls the model and is not text")]
    top: Annotated[list[LikelyToken], Field(description="likeliest tokens in its place")]


class GeneratedCall(BaseModel):
    id: str
    type: Literal["function"] = "function"
    function: dict[str, str]


class GenerationPiece(BaseModel):
    """A new part of one answer. The last piece has its `finish_reason`."""

    item: Annotated[int, Field(ge=0, description="position of the input")] = 0
    text: str = ""
    tokens: Annotated[list[GeneratedToken] | None, Field(description="only if top_logprobs was sent")] = None
    tool_calls: Annotated[list[GeneratedCall] | None, Field(description="in the last piece, whole")] = None
    finish_reason: FinishReason | None = None
    stop_reason: Annotated[
        str | int | None,
        Field(description="the text of `stop` that ended it, a token of stop_token_ids, or repetition"),
    ] = None
    prompt_tokens: int = 0
    generated_tokens: Annotated[int, Field(description="so far")] = 0
    cached_tokens: Annotated[int, Field(description="of the prompt, that were known from earlier requests")] = 0


class Generation(BaseModel):
    """An answer, which nobody has verified."""

    generated_text: str
    finish_reason: FinishReason
    stop_reason: str | int | None = None
    tool_calls: list[GeneratedCall] | None = None
    tokens: list[GeneratedToken] | None = None
    prompt_tokens: int
    generated_tokens: int
    cached_tokens: int = 0
    generated: Annotated[Literal[True], Field(description="by a model, and not verified by anybody")] = True
