"""A version that answers in replicas, as the keeper sees it: by what they tell."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from prometheus_client.metrics_core import Metric

from app.errors import ModelNotReady
from app.fleet.away import away
from app.fleet.told import Told
from app.serving.engine import Ask, Prediction
from app.serving.plan import Tuning
from app.telemetry import Statistics


class Deployed:
    """A Servable: the versions of an engine see no difference."""

    def __init__(
        self,
        app: str,
        key: str,
        told: Told,
        released: Callable[[str], Awaitable[None]],
        delete: Callable[[str], Awaitable[None]],
    ) -> None:
        """`released` returns when no front holds a key any more; `delete` ends an application."""
        assert told.served is not None
        self.served = told.served
        self.app, self.key = app, key
        self._told = told
        self._released, self._delete = released, delete

    async def __aenter__(self) -> "Deployed":
        try:
            self._away = await away(self.app)
        except BaseException:
            await self._delete(self.app)
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._delete(self.app)

    @property
    def statistics(self) -> Statistics:
        return self._told.statistics

    @property
    def metrics(self) -> dict[str, Sequence[Metric]]:
        return self._told.metrics

    @property
    def is_ready(self) -> bool:
        return any(life.is_ready for life in self._told.lives.values())

    @property
    def is_lost(self) -> bool:
        """Whether each of its replicas is; if there is none, Ray is about to start one."""
        lives = self._told.lives
        return bool(lives) and all(life.is_lost for life in lives.values())

    @property
    def placements(self) -> dict[str, dict[str, str]]:
        return next((life.placements for life in self._told.lives.values()), {})

    @property
    def tuning(self) -> Tuning | None:
        return next((life.tuning for life in self._told.lives.values()), None)

    @property
    def num_replicas(self) -> int:
        return len(self._told.lives)

    async def predict(self, ask: Ask) -> Prediction:
        """Answer the golden examples of versions of steps; all else is asked by fronts."""
        return await self._away.predict(ask)

    def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        raise ModelNotReady("a keeper answers nobody")

    async def drain(self) -> None:
        await self._released(self.key)
