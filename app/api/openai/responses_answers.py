"""Answers of `POST /v1/responses`, as the document describes them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from app.api.openai.answers_schema import SENTENCE, CachedTokens, Created, Generated, shown

Status = Literal["in_progress", "completed", "incomplete"]


class OutputText(BaseModel):
    type: Literal["output_text"]
    text: str
    annotations: Annotated[list[Any], Field(max_length=0)]
    logprobs: Annotated[list[Any], Field(max_length=0)]


class OutputMessage(BaseModel):
    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    status: Status
    content: list[OutputText]


class ReasoningTokens(BaseModel):
    reasoning_tokens: Literal[0]


class ResponseUsage(BaseModel):
    input_tokens: int
    input_tokens_details: CachedTokens
    output_tokens: int
    output_tokens_details: ReasoningTokens
    total_tokens: int


class CutReason(BaseModel):
    reason: Literal["max_output_tokens"]


class ResponseAnswer(BaseModel):
    """One message, and what was asked. Nothing of it is kept."""

    model_config = shown(
        id="resp_4f9a",
        object="response",
        created_at=1767225600,
        model="smollm2-instruct",
        generated=True,
        error=None,
        instructions=None,
        max_output_tokens=32,
        metadata={},
        parallel_tool_calls=True,
        previous_response_id=None,
        store=False,
        temperature=None,
        text={"format": {"type": "text"}},
        tool_choice="auto",
        tools=[],
        top_p=None,
        truncation="disabled",
        status="completed",
        incomplete_details=None,
        output=[
            {
                "id": "msg_4f9a",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": SENTENCE, "annotations": [], "logprobs": []}],
            }
        ],
        usage={
            "input_tokens": 36,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 12,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 48,
        },
    )
    id: str
    object: Literal["response"]
    created_at: Created
    model: str
    generated: Generated
    status: Status
    incomplete_details: Annotated[CutReason | None, Field(description="why it ends before its end")]
    output: list[OutputMessage]
    usage: ResponseUsage | None
    error: None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, Any]
    parallel_tool_calls: bool
    previous_response_id: None
    store: Literal[False]
    temperature: float | None
    text: dict[str, Any]
    tool_choice: Literal["auto"]
    tools: Annotated[list[Any], Field(max_length=0)]
    top_p: float | None
    truncation: Literal["disabled"]


class ResponseEvent(BaseModel):
    """The data of one event; its `type` is the event's name, and says which other fields it has."""

    model_config = {
        **shown(
            type="response.output_text.delta",
            sequence_number=4,
            item_id="msg_4f9a",
            output_index=0,
            content_index=0,
            delta="The",
            logprobs=[],
        ),
        "extra": "allow",
    }
    type: Literal[
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
        "response.incomplete",
        "error",
    ]
    sequence_number: Annotated[int, Field(description="from 0, without a gap")]
    delta: Annotated[str | None, Field(description="of response.output_text.delta: what is new")] = None
    response: Annotated[ResponseAnswer | None, Field(description="of events of the whole answer")] = None
