"""Is the process alive, can it predict, what does it measure."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from app.api.v1 import EngineDep
from app.telemetry import CONTENT_TYPE, Telemetry

router = APIRouter(tags=["health"])


class Live(BaseModel):
    live: bool


class Ready(BaseModel):
    """`reason` says what is missing. `failed` names versions that did not pass their checks, which need not matter."""

    ready: bool
    reason: str = ""
    failed: list[str] = []


@router.get("/health/live", summary="The process answers")
async def live() -> Live:
    return Live(live=True)


@router.get("/health/ready", summary="What has been live can predict", responses={503: {"model": Ready}})
async def ready(engine: EngineDep, response: Response) -> Ready:
    status = engine.status()
    response.status_code = 200 if status.is_ready else 503
    failed = [
        f"{model.name} version {one.version}" for model in status.models for one in model.versions if one.has_failed
    ]
    return Ready(ready=status.is_ready, reason=status.reason, failed=failed)


@router.get("/metrics", summary="Metrics in the text format of Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    telemetry: Telemetry = request.app.state.telemetry
    return Response(telemetry.render(), media_type=CONTENT_TYPE)
