"""A list or an object of very many wrong values is refused by few faults: each that is told takes microseconds."""

from time import thread_time

import pytest
from pydantic import BaseModel, ValidationError

from app.api.hf.chat import HfChatRequest
from app.api.hf.generation_schema import TgiParameters
from app.api.openai.responses_schema import ResponsesRequest
from app.api.openai.schemas import ChatRequest, CompletionRequest, EmbeddingRequest
from app.tasks.generation_schema import ChatMessage, GenerationInput, GenerationParameters

MANY = 100_000
GOOD = {
    "model": "a",
    "messages": [{"role": "user", "content": "a"}],
    "prompt": "a",
    "input": "a",
    "role": "user",
    "text": "a",
}
SCHEMAS: list[type[BaseModel]] = [
    ChatRequest, CompletionRequest, ResponsesRequest, EmbeddingRequest, HfChatRequest,
    TgiParameters, GenerationInput, GenerationParameters, ChatMessage,
]  # fmt: skip
WRONG = [[0], ["a"], [-1.5], [None], [[]], [{}], [{"a": 1}], {}]


def faults(Schema: type[BaseModel], body: dict[str, object]) -> int:
    try:
        Schema.model_validate(body)
    except ValidationError as error:
        return len(error.errors(include_url=False, include_input=False, include_context=False))
    return 0


@pytest.mark.parametrize("Schema", SCHEMAS, ids=lambda one: one.__name__)
def test_no_field_has_many_faults(Schema):
    good = {name: value for name, value in GOOD.items() if name in Schema.model_fields}
    many = {f"k{i}": {} for i in range(MANY)}
    for name, field in Schema.model_fields.items():
        for wrong in WRONG:
            value = wrong * MANY if isinstance(wrong, list) else many
            began = thread_time()
            count = faults(Schema, {**good, field.alias or name: value})
            assert count <= 20, (name, wrong)
            assert thread_time() - began < 0.5, (name, wrong)
