"""The steps that dialects share in telling of models and loading them."""

from app.api.http.callers import ASKING
from app.errors import InvalidArtifact, ModelNotReady
from app.serving.engine import Engine, ModelStatus
from app.serving.mirroring import Mirroring
from app.serving.names import no_such_model


async def load_newest(engine: Engine, model: str, mirroring: Mirroring | None = None) -> ModelStatus:
    """Load the newest version of a model, which is fetched before, where models are mirrored.

    Raises ModelNotFound, InvalidArtifact if it did not pass its checks, and ModelNotReady if nobody can tell.
    """
    if mirroring and ASKING.get().may_use(model):  # else the engine refuses
        await mirroring.fetch(engine, model)
    await engine.load(model)
    status = status_of(engine, model)
    newest = status.versions[0] if status.versions else None
    if newest and newest.has_failed:
        stays = f"version {status.manifest.version} stays live" if status.manifest else "no version is live"
        raise InvalidArtifact(f"{model} version {newest.version} is not served: {newest.reason}; {stays}")
    return status


def by_alias(engine: Engine, alias: str) -> str | None:
    """Return the name of the model that clients may call by this alias; None if there is none."""
    for status in engine.status().models:
        if status.manifest is not None and alias in status.manifest.config.get("aliases", ()):
            return status.name
    return None


def status_of(engine: Engine, name: str) -> ModelStatus:
    """Return the state of a model. Raises ModelNotFound."""
    models = {status.name: status for status in engine.status().models}
    if name not in models:
        raise no_such_model(name, models)
    return models[name]


def is_ready(engine: Engine, name: str, version: int | None = None) -> bool:
    """Return whether the asked version, or the one that answers by default, can predict. Raises ModelNotFound."""
    try:
        answering = engine.find(name, version).manifest.version
    except ModelNotReady:
        return False
    (status,) = engine.status(name).models
    return any(one.is_ready for one in status.versions if one.version == answering)
