"""Open Inference Protocol V2: all but inference. What the server and its models are, loading, statistics."""

from importlib.metadata import version
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ValidationError

from app.api.errors import envelope, faults_of, invalid_input
from app.api.v1.models import EngineDep, load_newest
from app.api.v2.config import ModelConfig, config_of
from app.api.v2.schemas import (
    BatchStatistics,
    Duration,
    IndexEntry,
    IndexRequest,
    InferenceStatistics,
    LoadRequest,
    ModelMetadata,
    ModelReady,
    ModelStatistics,
    ServerLive,
    ServerMetadata,
    ServerReady,
    StatisticsAnswer,
    TensorMetadata,
)
from app.errors import InvalidInput
from app.repository.manifest import Manifest
from app.serving.engine import Engine
from app.telemetry import Statistics, Total
from app.tensors import TensorSpec

router = APIRouter(prefix="/v2", tags=["open inference protocol"])
Body = TypeVar("Body", bound=BaseModel)

EXTENSIONS = [
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "model_repository(unload_dependents)",
    "schedule_policy",
    "statistics",
]
PLATFORMS = {"onnx": "onnx_onnxv1", "pytorch": "pytorch_pt2"}
STATES: dict[str, Any] = {"loading": "LOADING", "ready": "READY", "failed": "UNAVAILABLE", "unloaded": "UNAVAILABLE"}


def _body_of(schema: type[BaseModel]) -> dict[str, Any]:
    # Read by hand: clients send it without a Content-Type, or not at all.
    return {"requestBody": {"content": {"application/json": {"schema": schema.model_json_schema()}}}}


async def _read(request: Request, schema: type[Body]) -> Body:
    try:
        return schema.model_validate_json(await request.body() or b"{}")
    except ValidationError as error:
        raise invalid_input(faults_of(error)) from None


@router.get("", summary="The server's name and what it can do")
@router.get("/", include_in_schema=False)
async def server_metadata() -> ServerMetadata:
    return ServerMetadata(name="tessera", version=version("tessera"), extensions=EXTENSIONS)


@router.get("/health/live", summary="The process answers")
async def server_live() -> ServerLive:
    return ServerLive(live=True)


@router.get("/health/ready", summary="What has been live can predict; 400 if not", response_model=ServerReady)
async def server_ready(request: Request, engine: EngineDep) -> Any:
    status = engine.status()
    return ServerReady(ready=True) if status.is_ready else _not_ready(request, status.reason)


@router.get("/models/stats", summary="What every model has done")
async def all_statistics(engine: EngineDep) -> StatisticsAnswer:
    return _statistics(engine)


@router.get("/models/{model}", summary="The tensors of a model")
async def model_metadata(model: str, engine: EngineDep) -> ModelMetadata:
    return _metadata(engine, engine.find(model))


@router.get("/models/{model}/versions/{version}", summary="The tensors of one version")
async def version_metadata(model: str, version: int, engine: EngineDep) -> ModelMetadata:
    return _metadata(engine, engine.find(model, version))


@router.get(
    "/models/{model}/config", summary="The tensors of a model in Triton's words", response_model_exclude_none=True
)
async def model_config(model: str, engine: EngineDep) -> ModelConfig:
    return config_of(engine.find(model))


@router.get(
    "/models/{model}/versions/{version}/config",
    summary="The tensors of one version in Triton's words",
    response_model_exclude_none=True,
)
async def version_config(model: str, version: int, engine: EngineDep) -> ModelConfig:
    return config_of(engine.find(model, version))


@router.get("/models/{model}/ready", summary="The model can predict; 400 if not", response_model=ModelReady)
async def model_ready(model: str, request: Request, engine: EngineDep) -> Any:
    if not engine.is_ready(model):
        return _not_ready(request, f"model {model} is not ready")
    return ModelReady(name=model, ready=True)


@router.get(
    "/models/{model}/versions/{version}/ready",
    summary="The version can predict; 400 if not",
    response_model=ModelReady,
)
async def version_ready(model: str, version: int, request: Request, engine: EngineDep) -> Any:
    if not engine.is_ready(model, version):
        return _not_ready(request, f"model {model} version {version} is not ready")
    return ModelReady(name=model, ready=True)


@router.get("/models/{model}/stats", summary="What a model has done")
async def model_statistics(model: str, engine: EngineDep) -> StatisticsAnswer:
    return _statistics(engine, model)


@router.get("/models/{model}/versions/{version}/stats", summary="What one version has done")
async def version_statistics(model: str, version: int, engine: EngineDep) -> StatisticsAnswer:
    return _statistics(engine, model, version)


@router.post("/repository/index", summary="Every version and its state", openapi_extra=_body_of(IndexRequest))
async def index(request: Request, engine: EngineDep) -> list[IndexEntry]:
    wanted = await _read(request, IndexRequest)
    entries = [
        IndexEntry(name=model.name, version=str(one.version), state=STATES[one.state], reason=one.reason)
        for model in engine.status().models
        for one in model.versions
    ]
    return [entry for entry in entries if entry.state == "READY" or not wanted.ready]


@router.post("/repository/models/{model}/load", summary="Load the newest version", openapi_extra=_body_of(LoadRequest))
async def load(model: str, request: Request, engine: EngineDep) -> Response:
    """If it does not pass its checks the answer is 409 with the reason, and the version before goes on."""
    if unusable := (await _read(request, LoadRequest)).parameters:
        raise InvalidInput(
            f"a model is loaded as it lies in the repository, without {', '.join(unusable)} from the request"
        ).under("parameters")
    await load_newest(engine, model)
    return Response(status_code=200)


@router.post("/repository/models/{model}/unload", summary="Unload a model", openapi_extra=_body_of(LoadRequest))
async def unload(model: str, request: Request, engine: EngineDep) -> Response:
    """Answered when the requests that it had admitted are; new ones get 503 until it is loaded again."""
    await _read(request, LoadRequest)
    await engine.unload(model)
    return Response(status_code=200)


def _not_ready(request: Request, reason: str) -> Response:
    return envelope(request.state.request_id, 400, reason, "ModelNotReady")


def _metadata(engine: Engine, manifest: Manifest) -> ModelMetadata:
    models = {model.name: model for model in engine.status().models}
    ready = sorted(one.version for one in models[manifest.name].versions if one.state == "ready")
    return ModelMetadata(
        name=manifest.name,
        versions=list(map(str, ready)),
        platform=PLATFORMS[manifest.runtime],
        inputs=list(map(_tensor, manifest.inputs)),
        outputs=list(map(_tensor, manifest.outputs)),
    )


def _tensor(spec: TensorSpec) -> TensorMetadata:
    return TensorMetadata(name=spec.name, datatype=spec.datatype, shape=list(spec.shape))


def _statistics(engine: Engine, model: str | None = None, version: int | None = None) -> StatisticsAnswer:
    return StatisticsAnswer(model_stats=[_told(*one) for one in engine.statistics(model, version)])


def _told(manifest: Manifest, statistics: Statistics) -> ModelStatistics:
    return ModelStatistics(
        name=manifest.name,
        version=str(manifest.version),
        last_inference=round(1000 * statistics.last_batch_at),
        inference_count=statistics.rows,
        execution_count=sum(total.count for total in statistics.batches.values()),
        inference_stats=InferenceStatistics(
            success=_duration(statistics.succeeded),
            fail=_duration(statistics.failed),
            queue=_duration(statistics.queue),
            compute_input=_duration(statistics.preprocess),
            compute_infer=_duration(statistics.inference),
            compute_output=_duration(statistics.postprocess),
        ),
        batch_stats=[
            BatchStatistics(batch_size=rows, compute_infer=_duration(total))
            for rows, total in sorted(statistics.batches.items())
        ],
    )


def _duration(total: Total) -> Duration:
    return Duration(count=total.count, ns=round(1e9 * total.seconds))
