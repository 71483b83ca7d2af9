"""Statistics of models since they were loaded."""

from app.api.given import EngineDep
from app.api.v2.schemas import (
    BatchStatistics,
    Duration,
    InferenceStatistics,
    ModelStatistics,
    StatisticsAnswer,
)
from app.serving.engine import Engine
from app.telemetry import Statistics, Total


async def all_statistics(engine: EngineDep) -> StatisticsAnswer:
    return _statistics(engine)


async def model_statistics(model: str, engine: EngineDep) -> StatisticsAnswer:
    return _statistics(engine, model)


async def version_statistics(model: str, version: int, engine: EngineDep) -> StatisticsAnswer:
    return _statistics(engine, model, version)


def _statistics(engine: Engine, model: str | None = None, version: int | None = None) -> StatisticsAnswer:
    """Raises ModelNotFound and ModelNotReady."""
    if model is not None:
        engine.find(model, version)
    return StatisticsAnswer(
        model_stats=[
            _told(status.name, one.version, one.statistics)
            for status in engine.status(model).models
            for one in status.versions
            if one.statistics is not None and version in (None, one.version)
        ]
    )


def _told(name: str, version: int, statistics: Statistics) -> ModelStatistics:
    return ModelStatistics(
        name=name,
        version=str(version),
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
