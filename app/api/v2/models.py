"""The server and its models: metadata, readiness, loading and unloading."""

from importlib.metadata import version
from typing import Any, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError

from app.api.errors import envelope, faults_of, invalid_input
from app.api.given import EngineDep, GivenDep
from app.api.loaded import is_ready, load_newest
from app.api.v2.config import ModelConfig, config_of
from app.api.v2.ends import inputs_of, outputs_of
from app.api.v2.schemas import (
    IndexEntry,
    IndexRequest,
    LoadRequest,
    ModelMetadata,
    ModelReady,
    ServerLive,
    ServerMetadata,
    ServerReady,
    TensorMetadata,
)
from app.errors import InvalidInput
from app.repository.manifest import Manifest
from app.serving.engine import Engine
from app.tensors import TensorSpec

Body = TypeVar("Body", bound=BaseModel)

EXTENSIONS = [
    "binary_tensor_data",
    "classification",
    "generate",
    "model_configuration",
    "model_repository",
    "model_repository(unload_dependents)",
    "schedule_policy",
    "statistics",
]
PLATFORMS = {"onnx": "onnx_onnxv1", "pytorch": "pytorch_pt2", "pipeline": "ensemble", "cascade": "ensemble"}
STATES: dict[str, Any] = {"loading": "LOADING", "ready": "READY", "failed": "UNAVAILABLE", "unloaded": "UNAVAILABLE"}


async def _read(request: Request, schema: type[Body]) -> Body:
    try:
        return schema.model_validate_json(await request.body() or b"{}")
    except ValidationError as error:
        raise invalid_input(faults_of(error)) from None


async def server_metadata() -> ServerMetadata:
    return ServerMetadata(name="tessera", version=version("tessera"), extensions=EXTENSIONS)


async def server_live() -> ServerLive:
    return ServerLive(live=True)


async def server_ready(request: Request, engine: EngineDep) -> Any:
    status = engine.status()
    return ServerReady(ready=True) if status.is_ready else _not_ready(request, status.reason)


async def model_metadata(model: str, engine: EngineDep) -> ModelMetadata:
    return _metadata(engine, engine.find(model).manifest)


async def version_metadata(model: str, version: int, engine: EngineDep) -> ModelMetadata:
    return _metadata(engine, engine.find(model, version).manifest)


async def model_config(model: str, engine: EngineDep) -> ModelConfig:
    return config_of(engine.find(model).manifest)


async def version_config(model: str, version: int, engine: EngineDep) -> ModelConfig:
    return config_of(engine.find(model, version).manifest)


async def model_ready(model: str, request: Request, engine: EngineDep) -> Any:
    if not is_ready(engine, model):
        return _not_ready(request, f"model {model} is not ready")
    return ModelReady(name=model, ready=True)


async def version_ready(model: str, version: int, request: Request, engine: EngineDep) -> Any:
    if not is_ready(engine, model, version):
        return _not_ready(request, f"model {model} version {version} is not ready")
    return ModelReady(name=model, ready=True)


async def index(request: Request, engine: EngineDep) -> list[IndexEntry]:
    wanted = await _read(request, IndexRequest)
    entries = [
        IndexEntry(name=model.name, version=str(one.version), state=STATES[one.state], reason=one.reason)
        for model in engine.status().models
        for one in model.versions
    ]
    return [entry for entry in entries if entry.state == "READY" or not wanted.ready]


async def load(model: str, request: Request, given: GivenDep) -> Response:
    """If it does not pass its checks the answer is 409 with the reason, and the version before goes on."""
    if unusable := (await _read(request, LoadRequest)).parameters:
        raise InvalidInput(
            f"a model is loaded as it lies in the repository, without {', '.join(unusable)} from the request"
        ).under("parameters")
    await load_newest(given.engine, model, given.mirroring)
    return Response(status_code=200)


async def unload(model: str, request: Request, engine: EngineDep) -> Response:
    """Answered when the requests that it had admitted are; new ones get 503 until it is loaded again."""
    await _read(request, LoadRequest)
    await engine.unload(model)
    return Response(status_code=200)


def _not_ready(request: Request, reason: str) -> Response:
    return envelope(request, 400, reason, "ModelNotReady")


def _metadata(engine: Engine, manifest: Manifest) -> ModelMetadata:
    (status,) = engine.status(manifest.name).models
    ready = sorted(one.version for one in status.versions if one.state == "ready")
    return ModelMetadata(
        name=manifest.name,
        versions=list(map(str, ready)),
        platform=PLATFORMS[manifest.runtime],
        inputs=list(map(_tensor, inputs_of(manifest))),
        outputs=list(map(_tensor, outputs_of(manifest))),
    )


def _tensor(spec: TensorSpec) -> TensorMetadata:
    return TensorMetadata(name=spec.name, datatype=spec.datatype, shape=list(spec.shape))
