"""The Hugging Face dialect: what `huggingface_hub.InferenceClient(model=url)` sends and parses."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from app.api.documented import DEADLINE, FILE, OCTETS, BodySchema
from app.api.examples import example_request
from app.api.given import Given
from app.api.hf import models
from app.api.hf.predict import predict, tell
from app.api.hf.reading import tasks_of
from app.api.hf.wires import WIRES, bodies_of_hf
from app.api.http.routes import DirectRoute, Operation, Section, typed
from app.api.v1 import errors as native
from app.serving.engine import Served

MODEL = "/hf/models/{model}"  # answers the task of the model
PIPELINE = MODEL + "/pipeline/{task}"  # names one of those that it answers, as on the Hub
FAILURES = (404, 413, 415, 422, 429, 500, 503, 504)  # of whoever asks a model
get = partial(typed, "GET", tell=native.tell)


def predicting(given: Given) -> Section:
    route = partial(
        DirectRoute, "POST", handler=predict(given), statuses=FAILURES, tell=tell, body_bytes=given.body_bytes
    )
    routes = (
        route(MODEL, describe=partial(_own, given.limits.max_items)),
        route(PIPELINE, describe=partial(_others, given.limits.max_items)),
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


def _operation(max_items: int, served: Served, task: str) -> Operation:
    manifest, contract = served.manifest, served.contracts[task]
    bodies = bodies_of_hf(contract, max_items)
    example = (task == manifest.task and example_request(served)) or {"inputs": [contract.example]}
    item, fields = example["inputs"][0], contract.Input.model_fields
    if isinstance(item, dict) and len(fields) == 1:
        (item,) = item.values()
    beside: dict[str, Any] = {} if WIRES[task].at_root else {"parameters": example.get("parameters", {})}
    body = {"schema": BodySchema(bodies.Request, "validation"), "example": {"inputs": item, **beside}}
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
