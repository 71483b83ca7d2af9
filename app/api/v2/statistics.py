"""What models have done since they were loaded."""

from app.api.given import EngineDep
from app.api.v2.schemas import (
    BatchStatistics,
    Duration,
    InferenceStatistics,
    ModelStatistics,
    StatisticsAnswer,
)
from app.repository.manifest import Manifest
from app.serving.engine import Engine
from app.telemetry import Statistics, Total


async def all_statistics(engine: EngineDep) -> StatisticsAnswer:
    return _statistics(engine)


async def model_statistics(model: str, engine: EngineDep) -> StatisticsAnswer:
    return _statistics(engine, model)


async def version_statistics(model: str, version: int, engine: EngineDep) -> StatisticsAnswer:
    return _statistics(engine, model, version)


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
