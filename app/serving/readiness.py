"""The sentence that says why a service is not ready."""

from collections.abc import Collection, Mapping

from app.serving.engine import ModelStatus


def why_not_ready(
    models: Mapping[str, ModelStatus],
    *,
    wanted: Collection[str],
    required: Collection[str],
    only: Collection[str],
    is_complete: bool,
    missing: str,
) -> str:
    """Return "" for a service that is ready.

    Whoever was unloaded on request, and so is not `wanted`, does not count; whoever never was live only if it is
    `required`. `only` are the names of those that are served here, if they are given: each must be there. `missing`
    says why models that come from elsewhere are still to be waited for.
    """
    live = [name for name in wanted if models[name].manifest]
    lost = [name for name in live if models[name].is_lost]
    lost += sorted({*required} - {*live} - (models.keys() - {*wanted}))
    absent = sorted({*only} - models.keys())
    return (
        f"not every model can predict that should: {', '.join(lost)}" if lost
        else "models are being loaded" if not is_complete
        else missing if missing
        else f"not in the repository, though TESSERA_MODELS names them: {', '.join(absent)}" if absent
        else f"no model can predict: {', '.join(wanted)}" if wanted and not live
        else ""
    )  # fmt: skip
