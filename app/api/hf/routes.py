"""The Hugging Face dialect: what `huggingface_hub.InferenceClient(model=url)` sends and parses."""

from functools import partial
from hashlib import sha256
from itertools import chain
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.responses import Response

from app.api.contracts import contract_of
from app.api.errors import faults_of, invalid_input, on_service_error
from app.api.hf.wires import WIRES, HfFeatureExtractionParameters, HfOptions, Wire
from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.callers import caller_of
from app.api.http.limits import Limits
from app.api.http.pieces import respond_with
from app.api.http.routes import Handler
from app.api.media.json_text import parse
from app.api.media.raw import is_file
from app.api.media.surrogates import not_unicode
from app.api.v1.models import EngineDep
from app.api.v1.predict import Question, ask, headers_of
from app.errors import InvalidInput, ModelNotFound, ModelNotReady, PayloadTooLarge, ServiceError
from app.repository.manifest import Manifest
from app.serving.engine import Engine, Prediction
from app.tasks import TASKS
from app.tasks.embeddings import FeatureExtraction, SentenceSimilarity
from app.tasks.json_pieces import array_of

MODEL = "/hf/models/{model}"
PIPELINE = MODEL + "/pipeline/{task}"
LONGEST_IN_HEADER = 500
BESIDE_INPUTS = ("parameters", "options")

router = APIRouter(tags=["hugging face"])


class Info(BaseModel):
    """What serves the model, in the names that Hugging Face's own servers use.

    `model_sha` is the sha256 of what `sha256sum` prints for the files of the version, sorted by name.
    """

    model_id: str
    model_sha: str
    model_dtype: str
    pipeline_tag: str
    tasks: list[str]
    version: int
    description: str
    licence: str
    max_input_length: int | None
    max_client_batch_size: int
    auto_truncate: bool = False


class Health(BaseModel):
    ready: bool = True


def hf_handlers(engine: Engine, limits: Limits, aside: Aside) -> dict[str, Handler]:
    """MODEL answers the task of the model; PIPELINE names one of those that it answers, as on the Hub."""

    async def answer(request: Request, names: dict[str, str]) -> Response:
        async def read(request: Request, body: bytes, manifest: Manifest) -> Question:
            own = aside.of(caller_of(request))
            return await own.read(
                lambda: _question(request, body, manifest, names.get("task"), limits, own),
                is_quick=len(body) <= QUICK_BYTES or _is_raw(request, body, manifest),
            )

        try:
            return await ask(engine, limits, request, names["model"], None, read)
        except ServiceError as error:
            reply = await on_service_error(request, error)
            if str(error).isascii() and str(error).isprintable():  # the body has it in any case
                reply.headers["X-Error-Message"] = str(error)[:LONGEST_IN_HEADER]
            return reply

    return {MODEL: answer, PIPELINE: answer}


@router.get(MODEL + "/info", summary="Which model and version answers, and what it takes")
async def describe(model: str, request: Request, engine: EngineDep) -> Info:
    limits: Limits = request.app.state.limits
    return _info(engine.find(model), limits)


@router.get(PIPELINE + "/info", include_in_schema=False)
async def describe_pipeline(model: str, task: str, request: Request, engine: EngineDep) -> Info:
    limits: Limits = request.app.state.limits
    manifest = engine.find(model)
    _require(manifest, task)
    return _info(manifest, limits).model_copy(update={"pipeline_tag": task})


@router.get(MODEL + "/health", summary="200 if the model can predict, 503 if it cannot")
async def health(model: str, engine: EngineDep) -> Health:
    engine.find(model)
    if not any(one.is_ready for one in engine.status().models if one.name == model):
        raise ModelNotReady(f"model {model} hangs, or is being restarted")
    return Health()


@router.get(PIPELINE + "/health", include_in_schema=False)
async def pipeline_health(model: str, task: str, engine: EngineDep) -> Health:
    _require(engine.find(model), task)
    return await health(model, engine)


def _info(manifest: Manifest, limits: Limits) -> Info:
    listing = "".join(f"{file.sha256}  {name}\n" for name, file in sorted(manifest.files.items()))
    return Info(
        model_id=manifest.name,
        model_sha=sha256(listing.encode()).hexdigest(),
        model_dtype=manifest.precision,
        pipeline_tag=manifest.task,
        tasks=tasks_of(manifest),
        version=manifest.version,
        description=manifest.description,
        licence=manifest.licence,
        max_input_length=manifest.config.get("max_tokens"),
        max_client_batch_size=limits.max_items,
    )


def tasks_of(manifest: Manifest) -> list[str]:
    """What a model answers in this dialect: its own task first; nothing, if the client has no method for it."""
    return [task for task in (manifest.task, *TASKS[manifest.task].also) if task in WIRES]


def _require(manifest: Manifest, task: str | None) -> None:
    tasks = tasks_of(manifest)
    if not tasks:
        raise InvalidInput(
            f"{manifest.name} is a {manifest.task} model, for which this dialect has no form; "
            f"ask it at /v1/models/{manifest.name}/predict"
        )
    if task is not None and task not in tasks:
        raise ModelNotFound(f"model {manifest.name} does not answer {task!r:.60}; it answers: {', '.join(tasks)}")


def _question(
    request: Request, content: bytes, manifest: Manifest, asked: str | None, limits: Limits, aside: Aside
) -> Question:
    """Raises InvalidInput, PayloadTooLarge, and ModelNotFound for a task that the model does not answer."""
    _require(manifest, asked)
    task = asked or manifest.task
    if _is_raw(request, content, manifest):
        body: dict[str, Any] = {"inputs": content}
    else:
        body = _json_object(content, manifest, limits)
        task = asked or _meant_task(request, body, manifest)
    wire, is_single = WIRES[task], not isinstance(body.get("inputs"), list)
    items = _items(task, body, limits.max_items)
    parameters = wire.native(_validated(wire.Parameters, _parameters(request, body, wire), "parameters"))
    respond = partial(_respond, aside, wire, is_single)
    return Question(items, parameters, respond, None if task == manifest.task else task)


def _is_raw(request: Request, content: bytes, manifest: Manifest) -> bool:
    """Whether it is one picture as it is: the client names no type for bytes, and curl names one of its own."""
    if TASKS[manifest.task].binary_field is None:
        return False
    content_type = request.headers.get("content-type", "").strip().lower()
    if is_file(content, content_type):
        return True
    if content_type.startswith("multipart/"):
        raise InvalidInput("forms are not read here; send the bytes of one image, or JSON with base64")
    return not content_type.startswith("application/json") and content.lstrip()[:1] != b"{"


def _json_object(content: bytes, manifest: Manifest, limits: Limits) -> dict[str, Any]:
    try:
        body = parse(content, limits.json)
    except ValueError as error:
        if fault := not_unicode(content, str(error)):
            raise fault from None
        raise InvalidInput(f"{manifest.name} is a {manifest.task} model and reads JSON; this is not: {error}") from None
    if not isinstance(body, dict):
        raise InvalidInput('the body must be a JSON object: {"inputs": …, "parameters": {…}}')
    if "inputs" not in body:
        raise InvalidInput("Field required").under("inputs")
    return body


def _meant_task(request: Request, body: dict[str, Any], manifest: Manifest) -> str:
    """Of the tasks that the model answers, the one whose form the body has; its own if it could be that."""
    tasks, inputs = tasks_of(manifest), body["inputs"]
    first = inputs[0] if isinstance(inputs, list) and inputs else inputs
    if SentenceSimilarity.name in tasks and isinstance(first, dict) and "source_sentence" in first:
        return SentenceSimilarity.name
    if FeatureExtraction.name in tasks and "parameters" not in body:
        # The Python client sends `parameters` with everything else, even empty ones. Others leave out empty ones.
        is_client = "hf_hub/" in request.headers.get("user-agent", "")
        if is_client or body.keys() & HfFeatureExtractionParameters.model_fields.keys():
            return FeatureExtraction.name
    return manifest.task


def _items(task: str, body: dict[str, Any], max_items: int) -> list[Any]:
    inputs = body["inputs"] if isinstance(body["inputs"], list) else [body["inputs"]]
    if len(inputs) > max_items:
        raise PayloadTooLarge(f"{len(inputs)} inputs; a request may have {max_items}")
    question: Any = _validated(contract_of(TASKS[task], max_items).Request, {"inputs": inputs})
    items: list[Any] = question.inputs
    return items


def _parameters(request: Request, body: dict[str, Any], wire: Wire) -> dict[str, Any]:
    """What is set in the body, and in the query, where a method of the client has no argument for it."""
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
        _validated(HfOptions, body["options"], "options")
    given = {name: value for name, value in (given or {}).items() if value is not None}
    twice = given.keys() & request.query_params.keys()
    if twice:
        raise InvalidInput(f"{', '.join(sorted(twice))}: given in the body and in the query")
    return {**request.query_params, **given}


def _validated(schema: type[BaseModel], values: Any, *loc: str) -> Any:
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        found = invalid_input(faults_of(error))
        raise found.under(*loc) if loc else found from None


async def _respond(aside: Aside, wire: Wire, is_single: bool, prediction: Prediction) -> Response:
    written = ([to_json(output)] for output in prediction.outputs)
    pieces = array_of(written) if wire.is_nested or not is_single else chain.from_iterable(written)
    return await respond_with(aside, pieces, "application/json", headers_of(prediction))
