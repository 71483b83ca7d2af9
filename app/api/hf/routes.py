"""The Hugging Face dialect: what `huggingface_hub.InferenceClient(model=url)` sends and parses."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from app.api.contracts import Bodies
from app.api.documented import DEADLINE, FILE, OCTETS, BodySchema, events_of
from app.api.examples import columns_of, example_request
from app.api.given import Given
from app.api.hf import models
from app.api.hf.chat import HfChatRequest, chat, tell_chat
from app.api.hf.errors import tell
from app.api.hf.generation_schema import TgiAnswer, TgiLine
from app.api.hf.predict import predict
from app.api.hf.reading import tasks_of
from app.api.hf.rerank import RANKS, TeiRanking, TeiRanks, rerank
from app.api.hf.schemas import TeiVectors
from app.api.hf.tables import TABLE
from app.api.hf.wires import WIRES, bodies_of_hf
from app.api.http.routes import DirectRoute, Operation, Section, typed
from app.api.openai.answers_schema import ChatCompletion, ChatCompletionChunk
from app.api.openai.described import answers_of
from app.api.v1 import errors as native
from app.serving.engine import Served
from app.tasks.embeddings import FeatureExtraction
from app.tasks.tables.columns import typical_row
from app.tasks.text_generation import TextGeneration
from app.tasks.text_ranking import TextRanking

MODEL = "/hf/models/{model}"  # answers the task of the model
PIPELINE = MODEL + "/pipeline/{task}"  # names one of those that it answers, as on the Hub
GENERATE, GENERATE_STREAM = MODEL + "/generate", MODEL + "/generate_stream"  # as TGI has them
CHAT = f"{MODEL}/v1/chat/completions"
EMBED, RERANK = MODEL + "/embed", MODEL + "/rerank"  # as TEI, text-embeddings-inference, has them
FAILURES = (404, 413, 415, 422, 424, 429, 500, 503, 504)  # of whoever asks a model
WRITES, EMBEDS = TextGeneration.contract.name, FeatureExtraction.contract.name
get = partial(typed, "GET", tell=native.tell, scope="read")


def predicting(given: Given) -> Section:
    route = partial(DirectRoute, "POST", statuses=FAILURES, tell=tell, body_bytes=given.body_bytes, scope="predict")
    most = given.limits.max_items
    routes = (
        route(MODEL, handler=predict(given), describe=partial(_own, most)),
        route(PIPELINE, handler=predict(given), describe=partial(_others, most)),
        route(GENERATE, handler=predict(given, WRITES, is_bare=True), describe=partial(_generating, most)),
        route(GENERATE_STREAM, handler=predict(given, WRITES, streams=True), describe=partial(_streaming, most)),
        route(CHAT, handler=chat(given), tell=tell_chat, describe=_chatting),
        route(EMBED, handler=predict(given, EMBEDS, is_nested=True), describe=partial(_embedding, most)),
        route(RERANK, handler=rerank(given), describe=_ranking),
        get(f"{MODEL}/info", models.describe, 404, 503, summary="Which model and version answers, and what it takes"),
        get(f"{PIPELINE}/info", models.describe_pipeline, include_in_schema=False),
        get(f"{MODEL}/health", models.health, 404, 503, summary="200 if the model can predict, 503 if it cannot"),
        get(f"{PIPELINE}/health", models.pipeline_health, include_in_schema=False),
    )
    return Section("hugging face", "The same models, as huggingface_hub's InferenceClient asks them", routes)


def _own(max_items: int, served: Served) -> Mapping[str, Operation]:
    if served.manifest.task not in tasks_of(served):
        return {}
    return {MODEL.format(model=served.manifest.name): _operation(max_items, served, served.manifest.task)}


def _others(max_items: int, served: Served) -> Mapping[str, Operation]:
    tasks = [task for task in tasks_of(served) if task != served.manifest.task]
    name = served.manifest.name
    return {PIPELINE.format(model=name, task=task): _operation(max_items, served, task) for task in tasks}


def _as_peer(
    max_items: int, served: Served, view: str, path: str, summary: str, described: str, content: Mapping[str, Any]
) -> Mapping[str, Operation]:
    """A view at the address that another server has for it, with the answers of that one."""
    if view not in served.contracts:
        return {}
    name = served.manifest.name
    more = {
        "summary": f"{name}: {summary}",
        "operationId": f"hf_{name}_{path.rsplit('/', 1)[1]}",
        "responses": {"200": {"description": described, "content": content}},
    }
    return {path.format(model=name): {**_operation(max_items, served, view), **more}}


def _generating(max_items: int, served: Served) -> Mapping[str, Operation]:
    content = {
        "application/json": {"schema": BodySchema(TgiAnswer, "serialization")},
        **events_of(TgiLine, ends_with_done=False),
    }
    summary, described = "as text-generation-inference has it", "the answer, or with `stream` one event a token"
    return _as_peer(max_items, served, WRITES, GENERATE, summary, described, content)


def _streaming(max_items: int, served: Served) -> Mapping[str, Operation]:
    content = events_of(TgiLine, ends_with_done=False)
    summary = "token by token, as text-generation-inference has it"
    described = "one event a token; none follows the last"
    return _as_peer(max_items, served, WRITES, GENERATE_STREAM, summary, described, content)


def _embedding(max_items: int, served: Served) -> Mapping[str, Operation]:
    content = {"application/json": {"schema": BodySchema(TeiVectors, "serialization")}}
    summary, described = "vectors, as text-embeddings-inference has them", "a vector of each text, in a list"
    return _as_peer(max_items, served, EMBEDS, EMBED, summary, described, content)


def _ranking(served: Served) -> Mapping[str, Operation]:
    name = served.manifest.name
    if RANKS in served.contracts:
        body = {"schema": BodySchema(TeiRanking, "validation"), "example": TextRanking.contract.example}
        answers = {"schema": BodySchema(TeiRanks, "serialization")}
        ranked = {"description": "each text, the best first", "content": {"application/json": answers}}
        return {
            RERANK.format(model=name): {
                "summary": f"{name}: ranks texts, as text-embeddings-inference has it",
                "operationId": f"hf_{name}_rerank",
                "parameters": [DEADLINE],
                "requestBody": {"required": True, "content": {"application/json": body}},
                "responses": {"200": ranked},
            }
        }
    if EMBEDS not in served.contracts:
        return {}
    operation = {
        "summary": f"{name}: ranks no texts",
        "description": "Refused, with the reason and the address that compares vectors: text-embeddings-inference has "
        "this route for models that read a query and a text together, and this one does not.",
        "operationId": f"hf_{name}_rerank",
        "responses": {},
    }
    return {RERANK.format(model=name): operation}


def _chatting(served: Served) -> Mapping[str, Operation]:
    if WRITES not in served.contracts:
        return {}
    name = served.manifest.name
    body = {"schema": BodySchema(HfChatRequest, "validation"), "example": {"messages": CHAT_EXAMPLE}}
    operation = {
        "summary": f"{name}: a chat",
        "description": "A chat as OpenAI has it, with the model in the path: `InferenceClient.chat_completion`. Its "
        "stream is that of text-generation-inference: each delta has its role, and no `[DONE]` follows.",
        "operationId": f"hf_{name}_chat",
        "parameters": [DEADLINE],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"200": answers_of(ChatCompletion, events_of(ChatCompletionChunk, ends_with_done=False))},
    }
    return {CHAT.format(model=name): operation}


CHAT_EXAMPLE = [{"role": "user", "content": "Write one sentence about the sea."}]


def _operation(max_items: int, served: Served, task: str) -> Operation:
    manifest, contract = served.manifest, served.contracts[task]
    bodies = bodies_of_hf(contract, max_items)
    body = _of_columns(served, task) if WIRES[task].by_columns else _of_inputs(served, task, bodies)
    content: dict[str, Any] = {"application/json": body}
    if contract.binary_field:
        content[OCTETS] = {"schema": FILE}
    return {
        "summary": f"{manifest.name}: {task}",
        "description": f"`InferenceClient(model=…)` of huggingface_hub takes this address; its method is "
        f"`{task.replace('-', '_')}`.\n\n{contract.about}",
        "operationId": f"hf_{manifest.name}_{task}",
        "parameters": [DEADLINE],
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {
                "description": "what the client parses",
                "content": {"application/json": {"schema": BodySchema(bodies.Response, "serialization")}},
            }
        },
    }


def _of_inputs(served: Served, task: str, bodies: Bodies) -> dict[str, Any]:
    contract = served.contracts[task]
    # What is known of a model that writes may be a chat, which has an address of its own.
    is_known = task == served.manifest.task and task != WRITES
    example = (is_known and example_request(served)) or {"inputs": [contract.example]}
    item, fields = example["inputs"][0], contract.Input.model_fields
    if isinstance(item, dict) and (len(fields) == 1 or task == WRITES):
        (item,) = item.values()
    beside: dict[str, Any] = {} if WIRES[task].at_root else {"parameters": example.get("parameters", {})}
    if of_items := WIRES[task].of_items:
        beside["parameters"] = {**beside["parameters"], **{name: item[name] for name in of_items}}
        item = item[next(iter(fields))]
    return {"schema": BodySchema(bodies.Request, "validation"), "example": {"inputs": item, **beside}}


def _of_columns(served: Served, task: str) -> dict[str, Any]:
    """A table has the columns of this very model, with their kinds."""
    columns = columns_of(served.manifest)
    of_each = {column.name: {"type": "array", "items": column.value_schema(), "minItems": 1} for column in columns}
    required = [column.name for column in columns if not column.may_be_missing]
    table = {"type": "object", "properties": of_each, "required": required, "additionalProperties": False}
    parameters = BodySchema(WIRES[task].Parameters, "validation")
    schema = {"type": "object", "properties": {TABLE: table, "parameters": parameters}, "required": [TABLE]}
    return {"schema": schema, "example": {TABLE: {name: [value] for name, value in typical_row(columns).items()}}}
