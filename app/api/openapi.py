"""The OpenAPI document: one typed operation for each loaded model, with an example that runs as it stands."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from app.api.contracts import Contract, contract_of
from app.api.errors import ErrorEnvelope
from app.api.examples import item_in_words, item_of
from app.api.hf.routes import tasks_of
from app.api.hf.wires import WIRES, hf_contract_of
from app.api.http import access, deadline
from app.api.v2 import openapi as v2_openapi
from app.api.v2.schemas import InferenceRequest, InferenceResponse
from app.api.verbatim import shown_golden, verbatim
from app.repository.manifest import Manifest
from app.serving.engine import Engine
from app.tasks import TASKS
from app.tasks.explanations import EXPLANATIONS
from app.tasks.tensors import RawTensors

FILE = "application/octet-stream"  # or image/*, or any: it is known by its bytes
REF = "#/components/schemas/{model}"

ERRORS = {
    403: "a page of another origin sent it, or it is to a name that this service does not have",
    400: "the request is not usable, or what it asks about is not ready",
    404: "no such model or version",
    409: "the newest version failed its checks; the one before stays live",
    413: "the body or the number of inputs is too large",
    415: "the body is compressed otherwise than by gzip or deflate",
    422: "an input is not usable; `details` says which and why",
    429: "there is too much to do; `Retry-After` says when to try again",
    500: "the model failed on this input",
    503: "the model is not ready, or the service is stopping",
    504: "the deadline passed",
}


DEADLINE = {
    "name": deadline.HEADER,
    "in": "header",
    "description": "deadline of this request; it covers the upload, the queue and the run",
    "schema": {"type": "integer", "minimum": 1, "maximum": deadline.LONGEST_MS},
}


def install(app: FastAPI, engine: Engine) -> None:
    """Make `app.openapi()` describe what is loaded at the moment."""
    cached: tuple[list[Manifest], dict[str, Any]] | None = None

    def openapi() -> dict[str, Any]:
        nonlocal cached
        manifests = [status.manifest for status in engine.status().models if status.manifest]
        # The manifests themselves: a version may be loaded again with another content.
        if cached is None or cached[0] != manifests:
            cached = manifests, document(app, manifests)
        return cached[1]

    app.openapi = openapi  # type: ignore[method-assign]


def document(app: FastAPI, manifests: list[Manifest]) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        servers=app.servers,
        license_info=app.license_info,
    )
    max_items = app.state.limits.max_items
    tasks = sorted({manifest.task for manifest in manifests})
    contracts = {task: contract_of(TASKS[task], max_items) for task in tasks}
    schemas: list[tuple[type[BaseModel], JsonSchemaMode]] = [(ErrorEnvelope, "serialization")]
    if manifests:
        schemas += [(InferenceRequest, "validation"), (InferenceResponse, "serialization")]
    spoken = {task: hf_contract_of(task, max_items) for task in sorted({t for m in manifests for t in tasks_of(m)})}
    reasons = {
        task: contract_of(EXPLANATIONS[task], min(max_items, EXPLANATIONS[task].max_items))
        for task in tasks
        if task in EXPLANATIONS
    }
    for each in [*contracts.values(), *reasons.values(), *spoken.values()]:
        schemas += [(each.Request, "validation"), (each.Response, "serialization")]
    _, definitions = models_json_schema(schemas, ref_template=REF)
    found.setdefault("components", {}).setdefault("schemas", {}).update(definitions["$defs"])
    for manifest in manifests:
        path = f"/v1/models/{manifest.name}"
        found["paths"][f"{path}/predict"] = {"post": operation(manifest, contracts[manifest.task])}
        if manifest.task in EXPLANATIONS:
            found["paths"][f"{path}/explain"] = {"post": explain_operation(manifest, reasons[manifest.task])}
        found["paths"][f"/v2/models/{manifest.name}/infer"] = {"post": v2_openapi.operation(manifest)}
        for task in tasks_of(manifest):
            path = f"/hf/models/{manifest.name}" + ("" if task == manifest.task else f"/pipeline/{task}")
            found["paths"][path] = {"post": hf_operation(manifest, task, spoken[task])}
    _use_envelope(found)
    if app.state.asks_for_keys:
        access.declare(found)
    else:
        found["security"] = []
    return found


def operation(manifest: Manifest, contract: Contract) -> dict[str, Any]:
    task = TASKS[manifest.task]
    answer: dict[str, Any] = {"schema": _ref(contract.Response.__name__)}
    if golden := shown_golden(manifest):
        answer["example"] = {"model": manifest.name, "version": manifest.version, "outputs": [golden.output]}
    answers = {"application/json": answer}
    described = "one output for each input"
    if task.binary_answer:
        _, media_type = task.binary_answer
        answers[media_type] = {"schema": {"type": "string", "format": "binary"}}
        described += f"; with `Accept: {media_type}`, to one input, the file itself"
    return {
        "tags": ["predict"],
        "summary": f"{manifest.name}: {manifest.task}",
        "description": f"{verbatim(manifest.description)}\n\n{task.__doc__}{item_in_words(manifest)}\n\n"
        f"One version that is loaded answers at `/v1/models/{manifest.name}/versions/{{version}}/predict`; "
        f"now this is version {manifest.version}.",
        "operationId": f"predict_{manifest.name}",
        "parameters": [DEADLINE],
        "requestBody": {"required": True, "content": _bodies(manifest, contract)},
        "responses": {"200": {"description": described, "content": answers}},
        **({"x-class-names": names} if (names := manifest.config.get("class_names")) else {}),
    }


def explain_operation(manifest: Manifest, contract: Contract) -> dict[str, Any]:
    kind = EXPLANATIONS[manifest.task]
    return {
        "tags": ["explain"],
        "summary": f"{manifest.name}: why it answers so",
        "description": f"{kind.__doc__}\n\nThe body is that of a prediction, with at most {kind.max_items} inputs. "
        "What it takes goes through the model's own batches, and leaves most of the time to predictions. One version "
        f"that is loaded answers at `/v1/models/{manifest.name}/versions/{{version}}/explain`.",
        "operationId": f"explain_{manifest.name}",
        "parameters": [DEADLINE],
        "requestBody": {"required": True, "content": _bodies(manifest, contract)},
        "responses": {
            "200": {
                "description": "one output for each input",
                "content": {"application/json": {"schema": _ref(contract.Response.__name__)}},
            }
        },
    }


def _bodies(manifest: Manifest, contract: Contract) -> dict[str, Any]:
    """The forms in which a native request may come, with an example in JSON."""
    body: dict[str, Any] = {"schema": _ref(contract.Request.__name__)}
    if (example := example_request(manifest)) is not None:
        body["example"] = example
    content = {"application/json": body}
    if TASKS[manifest.task].binary_field:
        file = {"type": "string", "format": "binary"}
        properties = {"file": {"type": "array", "items": file}}
        content["multipart/form-data"] = {"schema": {"type": "object", "properties": properties, "required": ["file"]}}
        content[FILE] = {"schema": file}
    return content


def hf_operation(manifest: Manifest, task: str, contract: Contract) -> dict[str, Any]:
    example = (task == manifest.task and example_request(manifest)) or {"inputs": [TASKS[task].example]}
    item, fields = example["inputs"][0], TASKS[task].Input.model_fields
    if isinstance(item, dict) and len(fields) == 1:
        (item,) = item.values()
    beside: dict[str, Any] = {} if WIRES[task].at_root else {"parameters": example.get("parameters", {})}
    body: dict[str, Any] = {"schema": _ref(contract.Request.__name__), "example": {"inputs": item, **beside}}
    content = {"application/json": body}
    if TASKS[task].binary_field:
        content[FILE] = {"schema": {"type": "string", "format": "binary"}}
    answer = {"application/json": {"schema": _ref(contract.Response.__name__)}}
    return {
        "tags": ["hugging face"],
        "summary": f"{manifest.name}: {task}",
        "description": f"`InferenceClient(model=…)` of huggingface_hub takes this address; its method is "
        f"`{task.replace('-', '_')}`.\n\n{TASKS[task].__doc__}",
        "operationId": f"hf_{manifest.name}_{task}",
        "parameters": [DEADLINE],
        "requestBody": {"required": True, "content": content},
        "responses": {"200": {"description": "what the client parses", "content": answer}},
    }


def example_request(manifest: Manifest) -> dict[str, Any] | None:
    """A request that this very model answers: its first golden example, else one by its signature or of its task.

    None if it would be too long to read.
    """
    golden = shown_golden(manifest)
    if golden is None and manifest.task == RawTensors.name:
        item = item_of(manifest)
        return None if item is None else {"inputs": [item]}
    if golden is None:
        return {"inputs": [TASKS[manifest.task].example]}
    return {"inputs": [golden.input], "parameters": golden.parameters}


def _statuses(path: str) -> list[int]:
    if not path.startswith(("/v1/models/", "/hf/models/", "/v2")):
        return []
    if path.startswith("/v2"):
        return [400, 404, 413, 415, 429, 500, 503, 504] if path.endswith("/infer") else [400, 404]
    if path.startswith("/hf/") and path.endswith(("/info", "/health")):
        return [404, 503]
    if path.startswith("/hf/") or path.endswith(("/predict", "/explain")):
        return [404, 413, 415, 422, 429, 500, 503, 504]
    if path.endswith("/items"):
        return [404, 422, 503]
    return [404, 409, 503] if path.endswith("/load") else [404]


def _use_envelope(found: dict[str, Any]) -> None:
    """Every operation fails in the one envelope; FastAPI would list a body for 422 that we never send."""
    body = {"application/json": {"schema": _ref(ErrorEnvelope.__name__)}}
    for path, methods in found["paths"].items():
        for each in methods.values():
            each["responses"].pop("422", None)
            for code in (403, *_statuses(path)):
                each["responses"][str(code)] = {"description": ERRORS[code], "content": body}
    for unused in ("HTTPValidationError", "ValidationError"):
        found["components"]["schemas"].pop(unused, None)


def _ref(name: str) -> dict[str, str]:
    return {"$ref": REF.format(model=name)}
