"""Routes of the OpenAI dialect in the document: one for all models, which a body names."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from app.api.documented import DEADLINE, BodySchema, events_of
from app.api.http.routes import Operation
from app.api.openai import paths
from app.api.openai.answers_schema import ChatCompletion, ChatCompletionChunk, TextCompletion, TextVectors
from app.api.openai.responses_answers import ResponseAnswer, ResponseEvent
from app.api.openai.responses_schema import ResponsesRequest
from app.api.openai.schemas import ChatRequest, CompletionRequest, EmbeddingRequest
from app.api.openai.transcriptions_schema import MEDIA_TYPES, AnyTranscription, TranscriptionForm, TranslationForm
from app.serving.engine import Served
from app.tasks.contract import Contract
from app.tasks.embeddings import TextEmbedding
from app.tasks.speech_recognition import SpeechConfig, SpeechRecognition
from app.tasks.text_generation import TextGeneration

WRITES = (
    f"{TextGeneration.contract.about}\n\nWith `stream` the answer comes in chunks, as server-sent events, and an error "
    "that comes after the first is an event, too. A parameter that would have no effect is refused. `generated` says "
    "that a model wrote the answer, and nobody verified it."
)


def chat(served: Served) -> Mapping[str, Operation]:
    example = {"messages": [{"role": "user", "content": "Write one sentence about the sea."}], "max_tokens": 32}
    operation = _operation(
        "chat",
        "Add the next message to a chat",
        WRITES,
        ChatCompletion,
        events_of(ChatCompletionChunk, ends_with_done=True),
    )
    return _of(served, TextGeneration.contract, paths.CHAT, operation, ChatRequest, example)


def completions(served: Served) -> Mapping[str, Operation]:
    example = {"prompt": "The harbour was quiet that morning, and", "max_tokens": 32}
    operation = _operation(
        "complete", "Go on with a text", WRITES, TextCompletion, events_of(TextCompletion, ends_with_done=True)
    )
    return _of(served, TextGeneration.contract, paths.COMPLETIONS, operation, CompletionRequest, example)


def responses(served: Served) -> Mapping[str, Operation]:
    summary = "Answer an input, without anything that is kept"
    operation = _operation("respond", summary, WRITES, ResponseAnswer, events_of(ResponseEvent, ends_with_done=False))
    example = {"input": "Write one sentence about the sea.", "max_output_tokens": 32}
    return _of(served, TextGeneration.contract, paths.RESPONSES, operation, ResponsesRequest, example)


def embeddings(served: Served) -> Mapping[str, Operation]:
    operation = _operation("embed", "Turn texts into vectors", str(TextEmbedding.contract.about), TextVectors)
    example = {"input": ["The ferry leaves at seven."]}
    return _of(served, TextEmbedding.contract, paths.EMBEDDINGS, operation, EmbeddingRequest, example)


def transcriptions(served: Served) -> Mapping[str, Operation]:
    if SpeechRecognition.contract.name not in served.contracts:
        return {}
    return {paths.TRANSCRIPTIONS: _hearing("transcribe", "Write down what is said", TranscriptionForm)}


def translations(served: Served) -> Mapping[str, Operation]:
    """The route, if the model can do it."""
    if SpeechRecognition.contract.name not in served.contracts:
        return {}
    if SpeechConfig.model_validate(served.manifest.config).translate_id is None:
        return {}
    return {paths.TRANSLATIONS: _hearing("translate", "Write down in English what is said", TranslationForm)}


def _hearing(name: str, summary: str, Form: type[BaseModel]) -> Operation:
    json = BodySchema(AnyTranscription, "serialization")
    texts = {media_type: {"schema": {"type": "string"}} for media_type in MEDIA_TYPES.values()}
    answer = {
        "description": "the text as `response_format` has it",
        "content": {**texts, MEDIA_TYPES["json"]: {"schema": json}},
    }
    return {
        "summary": summary,
        "description": str(SpeechRecognition.contract.about),
        "operationId": f"openai_{name}",
        "parameters": [DEADLINE],
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": BodySchema(Form, "validation")}},
        },
        "responses": {"200": answer},
    }


def answers_of(Answer: type[BaseModel], events: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer that is JSON, or with `stream` these events."""
    described = "the answer, as OpenAI has it" + ("; with `stream` one event a chunk" if events else "")
    content = {"application/json": {"schema": BodySchema(Answer, "serialization")}, **events}
    return {"description": described, "content": content}


def _operation(
    name: str, summary: str, about: str, Answer: type[BaseModel], events: Mapping[str, Any] = MappingProxyType({})
) -> Operation:
    return {
        "summary": summary,
        "description": about,
        "operationId": f"openai_{name}",
        "parameters": [DEADLINE],
        "responses": {"200": answers_of(Answer, events)},
    }


def _of(
    served: Served,
    contract: Contract,
    path: str,
    operation: Operation,
    Request: type[BaseModel],
    example: Mapping[str, Any],
) -> Mapping[str, Operation]:
    if contract.name not in served.contracts:
        return {}
    body = {"schema": BodySchema(Request, "validation"), "example": {"model": served.manifest.name, **example}}
    return {path: {**operation, "requestBody": {"required": True, "content": {"application/json": body}}}}
