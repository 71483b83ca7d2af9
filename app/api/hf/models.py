"""Pages on a model: which version answers, what it takes, whether it can predict."""

from hashlib import sha256

from app.api.given import EngineDep, GivenDep
from app.api.hf.reading import require, tasks_of
from app.api.hf.schemas import Health, Info
from app.api.http.limits import Limits
from app.errors import ModelNotReady
from app.serving.engine import Served


async def describe(model: str, given: GivenDep) -> Info:
    return _info(given.engine.find(model), given.limits)


async def describe_pipeline(model: str, task: str, given: GivenDep) -> Info:
    served = given.engine.find(model)
    require(served, task)
    return _info(served, given.limits).model_copy(update={"pipeline_tag": task})


async def health(model: str, engine: EngineDep) -> Health:
    engine.find(model)
    if not engine.status(model).models[0].is_ready:
        raise ModelNotReady(f"model {model} hangs, or is being restarted")
    return Health()


async def pipeline_health(model: str, task: str, engine: EngineDep) -> Health:
    require(engine.find(model), task)
    return await health(model, engine)


def _info(served: Served, limits: Limits) -> Info:
    manifest = served.manifest
    listing = "".join(f"{file.sha256}  {name}\n" for name, file in sorted(manifest.files.items()))
    return Info(
        model_id=manifest.name,
        model_sha=sha256(listing.encode()).hexdigest(),
        model_dtype=manifest.precision,
        pipeline_tag=manifest.task,
        tasks=tasks_of(served),
        version=manifest.version,
        description=manifest.description,
        licence=manifest.licence,
        max_input_length=manifest.config.get("max_tokens") or manifest.config.get("context"),
        max_client_batch_size=limits.max_items,
    )
