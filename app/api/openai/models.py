"""The model that a request names in its body: by its name, or by an alias that its clients know it by."""

from collections.abc import Sequence
from hashlib import sha256

from app.api.loaded import by_alias
from app.errors import InvalidInput, ModelNotFound
from app.repository.manifest import Manifest
from app.serving.engine import Asker, Engine, Served
from app.serving.names import MOST_LISTED


def find(engine: Engine, name: str, view: str, does: str, asker: Asker) -> Served:
    """Return the version that answers an asker, by a name or an alias.

    `does` says in a word what models with this view do.

    Raises ModelNotFound, ModelNotReady, and InvalidInput for a model without this view.
    """
    try:
        served = engine.find(name, None, asker)
    except ModelNotFound:
        if (known := by_alias(engine, name)) is None:
            raise ModelNotFound(f"no model {name!r:.80}; models that {does}: {_listed(engine, view)}") from None
        served = engine.find(known, None, asker)
    if view not in served.contracts:
        raise InvalidInput(
            f"{served.manifest.name} is a model for {served.manifest.task} and does not {does}; "
            f"models that {does}: {_listed(engine, view)}"
        ).under("model")
    return served


def fingerprint(manifest: Manifest) -> str:
    """Return what tells versions apart: clients compare it to know whether a seed still gives the same answer."""
    files = "".join(f"{file.sha256} {name}\n" for name, file in sorted(manifest.files.items()))
    return f"fp_{sha256(files.encode()).hexdigest()[:12]}"


def _listed(engine: Engine, view: str) -> str:
    names: Sequence[str] = [status.name for status in engine.status().models if view in status.views]
    return ", ".join(names[:MOST_LISTED]) + (", …" if len(names) > MOST_LISTED else "") or "none"
