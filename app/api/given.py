"""The things that every dialect is given: the engine, and what bounds and counts requests."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from starlette.types import Scope

from app.api.http.aside import Aside
from app.api.http.limits import Limits
from app.api.http.rounds import Rounds
from app.api.kept import KeptAnswers
from app.events.store import EventStore
from app.jobs.jobs import Jobs
from app.serving.being_made import BeingMade
from app.serving.deadlines import Deadlines
from app.serving.engine import Engine, Served
from app.serving.mirroring import Mirroring
from app.serving.traffic import TrafficEngine
from app.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Given:
    engine: Engine
    telemetry: Telemetry
    limits: Limits
    aside: Aside
    being_made: BeingMade | None = None
    mirroring: Mirroring | None = None
    jobs: Jobs | None = None
    traffic: TrafficEngine | None = None
    events: EventStore | None = None
    kept: KeptAnswers | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)
    rounds: Rounds = field(default_factory=Rounds)

    def body_bytes(self, scope: Scope) -> int:
        """Return the bytes that typed items for the model which a request asks may have."""
        served: Served | None = scope.get("served")  # none, where there is no such model to ask
        return self.limits.other_body_bytes if served is None else self.limits.body_bytes(served.contract)


async def _given(request: Request) -> Given:
    given: Given = request.app.state.given
    return given


async def _engine(request: Request) -> Engine:
    return (await _given(request)).engine


GivenDep = Annotated[Given, Depends(_given)]
EngineDep = Annotated[Engine, Depends(_engine)]
