"""Bodies of `huggingface_hub.InferenceClient(model=url)`, read as items of a task."""

from typing import Any, NamedTuple

from starlette.requests import Request

from app.api.contracts import bodies_of
from app.api.errors import validated
from app.api.hf.generation_schema import TgiParameters
from app.api.hf.tables import TABLE, rows_of
from app.api.hf.wires import WIRES, HfFeatureExtractionParameters, HfOptions, Wire
from app.api.http.limits import Limits
from app.api.media.json_text import read_json
from app.api.media.raw import is_file
from app.api.v1 import paths
from app.errors import InvalidInput, ModelNotFound, PayloadTooLarge
from app.serving.engine import Served
from app.tasks.contract import Contract
from app.tasks.embeddings import FeatureExtraction, SentenceSimilarity

BESIDE_INPUTS = ("parameters", "options")
STREAM = "stream"


class Asked(NamedTuple):
    """Items of a task, with parameters of the native dialect; `is_single` is one that came without a list.

    `sent` are the parameters as this dialect has them.
    """

    task: str
    items: list[Any]
    parameters: Any
    is_single: bool
    sent: Any
    wants_stream: bool


def tasks_of(served: Served) -> list[str]:
    """Return the tasks that a model answers in this dialect: its own first; none that the client has no method for."""
    return [view for view in served.contracts if view in WIRES]


def require(served: Served, task: str | None) -> None:
    tasks = tasks_of(served)
    if not tasks:
        raise InvalidInput(
            f"{served.manifest.name} is a model for {served.manifest.task}, for which this dialect has no form; "
            f"ask it at {paths.of(paths.PREDICT, served.manifest.name)}"
        )
    if task is not None and task not in tasks:
        raise ModelNotFound(
            f"model {served.manifest.name} does not answer {task!r:.60}; it answers: {', '.join(tasks)}"
        )


def read(request: Request, content: bytes, served: Served, asked: str | None, limits: Limits) -> Asked:
    """Raises InvalidInput, PayloadTooLarge, and ModelNotFound for a task that the model does not answer."""
    require(served, asked)
    task = asked or served.manifest.task
    if is_raw(request, content, served):
        body: dict[str, Any] = {"inputs": content}
    else:
        body = _with_inputs(json_object(content, served, limits), served, limits)
        task = asked or _meant_task(request, body, served)
    wire = WIRES[task]
    wants_stream = wire.streams and _wants_stream(body)
    parameters = _parameters(request, body, wire)
    sent = validated(wire.Parameters, parameters, "parameters")
    of_items = {name: parameters[name] for name in wire.of_items}
    items = _items(served.contracts[task], body, limits.max_items, of_items)
    if isinstance(sent, TgiParameters):
        items = list(sent.drafts(items))
        _refuse_more(items, limits.max_items)
        sent = sent.with_seed()
    return Asked(task, items, wire.native(sent), not isinstance(body.get("inputs"), list), sent, wants_stream)


def is_raw(request: Request, content: bytes, served: Served) -> bool:
    """Whether it is one file as it is: the client names no type for bytes, and curl names one of its own."""
    if served.contract.binary_field is None:
        return False
    content_type = request.headers.get("content-type", "").strip().lower()
    if is_file(content, content_type):
        return True
    if content_type.startswith("multipart/"):
        kind = served.contract.binary_field
        raise InvalidInput(f"forms are not read here; send the bytes of one {kind} file, or JSON with base64")
    return not content_type.startswith("application/json") and content.lstrip()[:1] != b"{"


def json_object(content: bytes, served: Served, limits: Limits) -> dict[str, Any]:
    """Return the object that a body is as JSON. Raises InvalidInput."""
    manifest = served.manifest
    body = read_json(
        content, limits.json, f"{manifest.name} is a model for {manifest.task} and reads JSON; this is not"
    )
    if not isinstance(body, dict):
        raise InvalidInput('the body must be a JSON object: {"inputs": …, "parameters": {…}}')
    return body


def _with_inputs(body: dict[str, Any], served: Served, limits: Limits) -> dict[str, Any]:
    """Return a body that has `inputs`: the rows of its table, where the client sends one."""
    by_columns = served.manifest.task in WIRES and WIRES[served.manifest.task].by_columns
    field = TABLE if by_columns else "inputs"
    if field not in body:
        raise InvalidInput("Field required").under(field)
    if not by_columns:
        return body
    if body.get("inputs") is not None:
        raise InvalidInput(f"has no effect beside a {TABLE}").under("inputs")
    beside = {name: value for name, value in body.items() if name not in (TABLE, "inputs")}
    return {"inputs": rows_of(body[TABLE], limits.max_items), **beside}


def _meant_task(request: Request, body: dict[str, Any], served: Served) -> str:
    """Return the task whose form the body has: the model's own, if it could be that."""
    tasks, inputs = tasks_of(served), body["inputs"]
    first = inputs[0] if isinstance(inputs, list) and inputs else inputs
    if SentenceSimilarity.contract.name in tasks and isinstance(first, dict) and "source_sentence" in first:
        return SentenceSimilarity.contract.name
    if FeatureExtraction.contract.name in tasks and "parameters" not in body:
        # The Python client sends `parameters` with everything else, even empty ones. Others leave out empty ones.
        is_client = "hf_hub/" in request.headers.get("user-agent", "")
        if is_client or body.keys() & HfFeatureExtractionParameters.model_fields.keys():
            return FeatureExtraction.contract.name
    return served.manifest.task


def _wants_stream(body: dict[str, Any]) -> bool:
    wants = body.pop(STREAM, None)
    if not isinstance(wants, bool | None):
        raise InvalidInput("must be true or false").under(STREAM)
    if any(not isinstance(one, str) for one in _listed(body["inputs"])):
        raise InvalidInput("must be a text; a chat is asked for at v1/chat/completions below this address").under(
            "inputs"
        )
    if wants and isinstance(body["inputs"], list):
        raise InvalidInput("must be one text, if the answer is to be streamed").under("inputs")
    return bool(wants)


def _listed(inputs: Any) -> list[Any]:
    return inputs if isinstance(inputs, list) else [inputs]


def _items(contract: Contract, body: dict[str, Any], max_items: int, of_items: dict[str, Any]) -> list[Any]:
    inputs = _listed(body["inputs"])
    _refuse_more(inputs, max_items)
    if of_items:
        first = next(iter(contract.Input.model_fields))
        inputs = [{first: one, **of_items} for one in inputs]
    sent: Any = validated(bodies_of(contract, max_items).Request, {"inputs": inputs})
    items: list[Any] = sent.inputs
    return items


def _refuse_more(items: list[Any], max_items: int) -> None:
    if len(items) > max_items:
        raise PayloadTooLarge(f"{len(items)} inputs; a request may have {max_items}")


def _parameters(request: Request, body: dict[str, Any], wire: Wire) -> dict[str, Any]:
    """Return the parameters of the body, and of the query where a method of the client has no argument for them."""
    beside = {name: value for name, value in body.items() if name not in ("inputs", *BESIDE_INPUTS)}
    given = body.get("parameters")
    if wire.at_root and given is None:
        given, beside = beside, {}
    if beside:
        there = ", ".join(("inputs", *BESIDE_INPUTS))
        raise InvalidInput(f"{', '.join(map(repr, beside))[:100]} is no field of the body; there are: {there}")
    if not isinstance(given, dict | None):
        raise InvalidInput("must be a JSON object").under("parameters")
    if body.get("options") is not None:
        validated(HfOptions, body["options"], "options")
    given = {name: value for name, value in (given or {}).items() if value is not None}
    twice = given.keys() & request.query_params.keys()
    if twice:
        raise InvalidInput(f"{', '.join(sorted(twice))}: given in the body and in the query")
    return {**request.query_params, **given}
