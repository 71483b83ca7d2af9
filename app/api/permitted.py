"""The engine as the caller of the moment may use it: the one door at which a key's models and quota are kept."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from app.api.http.callers import ASKING
from app.errors import ModelNotFound
from app.serving.engine import Ask, Asker, Engine, EngineStatus, Prediction, Served


class PermittedEngine:
    """An Engine before another one.

    Models that the caller may not use are as if they were not there, in every dialect. A model that he may use can ask
    others for him: a pipeline its steps, a summarizer its writer. What models did for him is counted, in the seconds
    that `Server-Timing` calls `inference`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def is_stopping(self) -> bool:
        return self._engine.is_stopping

    def status(self, name: str | None = None) -> EngineStatus:
        if name is not None:
            _require(name)
        status, caller = self._engine.status(name), ASKING.get()
        if not caller.models:
            return status
        return replace(status, models=[model for model in status.models if caller.may_use(model.name)])

    def find(self, name: str, version: int | None = None, asker: Asker | None = None) -> Served:
        _require(name)
        return self._engine.find(name, version, asker)

    async def predict(self, ask: Ask) -> Prediction:
        _require(ask.model)
        prediction = await self._engine.predict(ask)
        if (meter := ASKING.get().meter) is not None:
            meter.spend(prediction.timing.inference_s)
        return prediction

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        _require(ask.model)
        meter, spent_s = ASKING.get().meter, 0.0
        try:
            async with aclosing(self._engine.stream(ask)) as pieces:
                async for piece in pieces:
                    spent_s = max(spent_s, piece.timing.inference_s)  # each piece tells what all took up to there
                    yield piece
        finally:
            if meter is not None:
                meter.spend(spent_s)

    async def load(self, name: str | None = None) -> None:
        if name is not None:
            _require(name)
        await self._engine.load(name)

    async def unload(self, name: str) -> None:
        _require(name)
        await self._engine.unload(name)

    async def stop(self) -> None:
        await self._engine.stop()


def _require(model: str) -> None:
    caller = ASKING.get()
    if not caller.may_use(model):
        # The same sentence whether there is such a model or not.
        raise ModelNotFound(f"no model {model!r:.80} for this key; it may use: {', '.join(sorted(caller.models))}")
