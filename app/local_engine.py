"""The engine of a service that computes itself, from settings."""

import gc
from collections.abc import Callable

from app.ending import goodbye_s
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.answer_store import AnswerStore
from app.serving.asked_once import AnswerCache
from app.serving.engine import HoldingEngine
from app.serving.local import LocalEngine
from app.settings import Settings
from app.telemetry import Telemetry

ONLY_FOR_FLEETS = {"ray_address", "ray_fleet", "ray_file"}
WhyMissing = Callable[[str], str]


def local_engine(
    settings: Settings, telemetry: Telemetry, repository: ModelRepository, why_missing: WhyMissing
) -> HoldingEngine:
    """Return the engine that computes in this process. Raises ValueError for settings of one that does not."""
    if idle := sorted(ONLY_FOR_FLEETS & settings.model_fields_set):
        raise ValueError(f"TESSERA_{idle[0].upper()} has an effect only with `python -m deploy.ray_serve serve`")
    return LocalEngine(
        repository,
        telemetry,
        options=RuntimeOptions(device=settings.device, threads=settings.threads),
        max_queue_size=settings.max_queue_size,
        max_pixels=settings.max_pixels,
        drift=settings.drift == "on",
        keep_versions=settings.keep_versions,
        required=settings.required_models,
        load_timeout_s=settings.load_timeout_s,
        drain_timeout_s=settings.drain_timeout_s - goodbye_s(settings.drain_timeout_s),
        num_threads=settings.threads,
        after_change=_spare_what_stays,
        why_missing=why_missing,
        cache=_cache(settings),
    )


def _cache(settings: Settings) -> AnswerCache | None:
    """Raises ValueError for a setting without effect."""
    if not settings.answer_cache_bytes:
        if "answer_cache_for" in settings.model_fields_set:
            raise ValueError("TESSERA_ANSWER_CACHE_FOR has an effect only with TESSERA_ANSWER_CACHE_BYTES")
        return None
    return AnswerCache(AnswerStore(settings.answer_cache_bytes), settings.answer_cache_for == "all")


def _spare_what_stays() -> None:
    """Keep the garbage collector from looking again at what models are made of.

    That is ten thousand objects a model: a full collection of those of eight would keep all callers waiting for some
    50 ms, every few seconds under load. What was spared is freed all the same when nothing refers to it any more.
    """
    gc.collect()
    gc.freeze()
