"""What every dialect is given: the engine, and what bounds and counts requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from app.api.http.aside import Aside
from app.api.http.limits import Limits
from app.errors import ServiceError
from app.serving.deadlines import Deadlines
from app.serving.engine import Engine
from app.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Given:
    engine: Engine
    telemetry: Telemetry
    limits: Limits
    aside: Aside
    deadlines: Deadlines = field(default_factory=Deadlines)

    def body_bytes(self, names: Mapping[str, str]) -> int:
        """Return the bytes that typed items for the model in a path may have."""
        try:
            return self.limits.body_bytes(self.engine.find(names["model"]).task)
        except ServiceError:  # which the route will say
            return self.limits.other_body_bytes


async def _given(request: Request) -> Given:
    given: Given = request.app.state.given
    return given


async def _engine(request: Request) -> Engine:
    return (await _given(request)).engine


GivenDep = Annotated[Given, Depends(_given)]
EngineDep = Annotated[Engine, Depends(_engine)]
