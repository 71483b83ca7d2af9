"""Is the process alive, can it predict, what does it measure."""

from functools import partial

from fastapi import Request, Response
from pydantic import BaseModel

from app.api.given import EngineDep, Given, GivenDep
from app.api.http.callers import caller_of
from app.api.http.compression import QUALITY, accepted, deflated
from app.api.http.routes import Section, get
from app.telemetry import OPEN_METRICS, TEXT


class Live(BaseModel):
    live: bool


class Ready(BaseModel):
    """`reason` says what is missing. `failed` names versions that did not pass their checks, which need not matter."""

    ready: bool
    reason: str = ""
    failed: list[str] = []


async def live() -> Live:
    return Live(live=True)


async def ready(engine: EngineDep, response: Response) -> Ready:
    status = engine.status()
    response.status_code = 200 if status.is_ready else 503
    failed = [
        f"{model.name} version {one.version}" for model in status.models for one in model.versions if one.has_failed
    ]
    return Ready(ready=status.is_ready, reason=status.reason, failed=failed)


async def metrics(request: Request, given: GivenDep) -> Response:
    content_type = OPEN_METRICS if wants_open_metrics(request.headers.get("accept", "")) else TEXT
    encoding = accepted(request.headers.get("accept-encoding", ""))

    def render() -> bytes:
        text = given.telemetry.render(content_type)
        return b"".join(deflated([text], encoding)) if encoding else text

    # Beside the event loop, since many models make many lines; and shared out, whoever asks how often.
    text = await given.aside.of(caller_of(request)).make(render, is_quick=False)
    headers = {"Vary": "Accept, Accept-Encoding", **({"Content-Encoding": encoding} if encoding else {})}
    return Response(text, media_type=content_type, headers=headers)


def wants_open_metrics(accept: str) -> bool:
    """Whether an Accept header would rather have OpenMetrics than plain text (RFC 9110, section 12.5.1)."""
    likes = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for one in accept.lower().split(","):
        name, *parameters = (part.strip() for part in one.split(";"))
        if name in likes:
            given = next((QUALITY.fullmatch(each) for each in parameters if each.startswith("q=")), None)
            likes[name] = max(likes[name], float(given[1]) if given else 1.0)
    return likes["application/openmetrics-text"] > likes["text/plain"]


HEALTH = "/health"  # of no other name with TGI, TEI and vLLM, which load generators ask before they begin
probe = partial(get, handler=ready, is_open=True, responses={503: {"model": Ready}})
ROUTES = (
    get(f"{HEALTH}/live", live, is_open=True, summary="The process answers"),
    probe(f"{HEALTH}/ready", summary="What has been live can predict"),
    probe(HEALTH, summary="The same, where clients of TGI, TEI and vLLM look for it"),
    get(
        "/metrics",
        metrics,
        scope="metrics",
        summary="Metrics in the text format of Prometheus, or as OpenMetrics",
        response_class=Response,
    ),
)


def probing(given: Given) -> Section:
    return Section("health", "For probes and for Prometheus", ROUTES)
