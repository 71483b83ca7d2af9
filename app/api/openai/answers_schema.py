"""Answers of the OpenAI dialect, as the document describes them; tests hold each real answer against its schema."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.tasks.generation_schema import FinishReason, GeneratedCall

Generated = Annotated[Literal[True], Field(description="by a model, and not verified by anybody")]
StopReason = Annotated[
    str | int | None, Field(description="the text of `stop` that ended it, a token of stop_token_ids, or repetition")
]
Created = Annotated[int, Field(description="seconds since 1970")]
Fingerprint = Annotated[str, Field(description="of the version's files: with the same one a seed gives the same text")]
Index = Annotated[int, Field(description="of the answer, from 0; several to one prompt follow each other")]


def shown(**example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": example})


class CachedTokens(BaseModel):
    cached_tokens: Annotated[int, Field(description="of the prompt, that were known from earlier requests")]


class TokenUsage(BaseModel):
    prompt_tokens: Annotated[int, Field(description="of all prompts; each counts once, however many answers it has")]
    completion_tokens: Annotated[int, Field(description="of all answers")]
    total_tokens: int
    prompt_tokens_details: CachedTokens


class LogprobToken(BaseModel):
    token: str
    logprob: float
    bytes: Annotated[list[int], Field(description="of the text, of which some tokens have a part of a character")]


class ChatLogprobToken(LogprobToken):
    top_logprobs: Annotated[list[LogprobToken], Field(description="likeliest tokens in its place")]


class ChatLogprobs(BaseModel):
    content: list[ChatLogprobToken]
    refusal: None


class AnsweredMessage(BaseModel):
    role: Literal["assistant"]
    content: Annotated[str | None, Field(description="null if tools are called")]
    refusal: None
    tool_calls: list[GeneratedCall] | None = None


class ChatChoice(BaseModel):
    index: Index
    message: AnsweredMessage
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason
    stop_reason: StopReason


USAGE = {
    "prompt_tokens": 36,
    "completion_tokens": 12,
    "total_tokens": 48,
    "prompt_tokens_details": {"cached_tokens": 0},
}
OWN = {"created": 1767225600, "model": "smollm2-instruct", "system_fingerprint": "fp_0c1d2e3f4a5b", "generated": True}
SENTENCE = "The sea is a vast body of salt water."
ENDED = {"finish_reason": "stop", "stop_reason": None}


class AnswerOrEvent(BaseModel):
    """The fields that each answer has, and each event of one."""

    id: str
    created: Created
    model: str
    system_fingerprint: Fingerprint
    generated: Generated


class ChatCompletion(AnswerOrEvent):
    """The next message of a chat, or `n` of them."""

    model_config = shown(
        id="chatcmpl-4f9a",
        object="chat.completion",
        **OWN,
        choices=[
            {
                "index": 0,
                "message": {"role": "assistant", "content": SENTENCE, "refusal": None},
                "logprobs": None,
                **ENDED,
            }
        ],
        usage=USAGE,
    )
    object: Literal["chat.completion"]
    choices: list[ChatChoice]
    usage: TokenUsage


class StreamedCall(GeneratedCall):
    index: int


class ChatDelta(BaseModel):
    """Of one answer, what is new: first its role, then text, or calls of tools when they are whole."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    tool_calls: list[StreamedCall] | None = None


class ChatChunkChoice(BaseModel):
    index: Index
    delta: ChatDelta
    logprobs: ChatLogprobs | None
    finish_reason: Annotated[FinishReason | None, Field(description="in the last chunk of each answer")]
    stop_reason: StopReason = None


class ChatCompletionChunk(AnswerOrEvent):
    """The data of one event."""

    model_config = shown(
        id="chatcmpl-4f9a",
        object="chat.completion.chunk",
        **OWN,
        choices=[{"index": 0, "delta": {"content": " sea"}, "logprobs": None, "finish_reason": None}],
    )
    object: Literal["chat.completion.chunk"]
    choices: Annotated[list[ChatChunkChoice], Field(description="one; none in the chunk that has the usage")]
    usage: Annotated[TokenUsage | None, Field(description="where stream_options asks for it")] = None


class CompletionLogprobs(BaseModel):
    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: Annotated[list[int], Field(description="where each token begins in the text, in characters")]


class CompletionChoice(BaseModel):
    index: Index
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: Annotated[FinishReason | None, Field(description="null in all chunks of a stream but the last")]
    stop_reason: StopReason = None


class TextCompletion(AnswerOrEvent):
    """The texts that follow each prompt; or the data of one event, with what is new of one answer."""

    model_config = shown(
        id="cmpl-4f9a",
        object="text_completion",
        **OWN,
        choices=[{"index": 0, "text": " the boats lay still.", "logprobs": None, **ENDED}],
        usage=USAGE,
    )
    object: Literal["text_completion"]
    choices: list[CompletionChoice]
    usage: Annotated[TokenUsage | None, Field(description="in a stream, where stream_options asks for it")] = None


class EmbeddingUsage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class TextVector(BaseModel):
    object: Literal["embedding"]
    index: Annotated[int, Field(description="of the text")]
    embedding: Annotated[list[float] | str, Field(description="numbers; or base64 of fp32, little-endian")]


class TextVectors(BaseModel):
    """A vector of each text."""

    model_config = shown(
        object="list",
        data=[{"object": "embedding", "index": 0, "embedding": [0.012, -0.034, 0.056]}],
        model="article-summarizer",
        usage={"prompt_tokens": 8, "total_tokens": 8},
    )
    object: Literal["list"]
    data: list[TextVector]
    model: str
    usage: EmbeddingUsage
