"""What dialects share that tell of models, and load them."""

from app.errors import InvalidArtifact
from app.serving.engine import Engine
from app.serving.names import no_such_model
from app.serving.versions import ModelStatus


async def load_newest(engine: Engine, model: str) -> ModelStatus:
    """Load the newest version of a model. Raises ModelNotFound, and InvalidArtifact if it did not pass its checks."""
    await engine.load(model)
    status = status_of(engine, model)
    newest = status.versions[0] if status.versions else None
    if newest and newest.has_failed:
        stays = f"version {status.manifest.version} stays live" if status.manifest else "no version is live"
        raise InvalidArtifact(f"{model} version {newest.version} is not served: {newest.reason}; {stays}")
    return status


def status_of(engine: Engine, name: str) -> ModelStatus:
    """Return the state of a model. Raises ModelNotFound."""
    models = {status.name: status for status in engine.status().models}
    if name not in models:
        raise no_such_model(name, models)
    return models[name]
