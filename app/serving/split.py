"""The rule of one model while it holds: who is answered by which version, and what came of it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from hashlib import blake2b
from time import perf_counter

from app.errors import ModelNotFound, ModelNotReady
from app.repository.traffic import TrafficRule
from app.serving.engine import Ask, Asker, Engine, Prediction
from app.serving.figures import Figures, RoleFigures
from app.serving.shadowing import Shadowing
from app.telemetry.traffic import TrafficMetrics

GONE = (ModelNotFound, ModelNotReady)


class TrafficSplit:
    """Divides the questions to a model that name no version."""

    def __init__(self, name: str, rule: TrafficRule, engine: Engine, metrics: TrafficMetrics) -> None:
        """`engine` is asked for the very version, or without one for that which answers by default."""
        self.name, self.rule = name, rule
        self.since = datetime.now(UTC).replace(microsecond=0)
        self._engine = engine
        self._default = Figures(name, rule.default, "default", metrics)
        self._canary = Figures(name, rule.canary.version, "canary", metrics) if rule.canary else None
        self._shadow = Figures(name, rule.shadow.version, "shadow", metrics) if rule.shadow else None
        self._shadowing = Shadowing(engine, self._shadow) if self._shadow else None

    def figures(self) -> list[RoleFigures]:
        return [one.told() for one in (self._default, self._canary, self._shadow) if one]

    def is_of_canary(self, asker: Asker) -> bool:
        """Return whether the canary answers an asker: always the same, as long as the version is the canary.

        With a larger share, whoever was of it stays. For another version others are drawn.
        """
        canary = self.rule.canary
        if canary is None:
            return False
        who = asker.request_id if canary.by == "request" else f"{asker.caller}\n{asker.subject}"
        return drawn(self.name, "canary", canary.version, who) < canary.share

    def stood_in(self) -> None:
        """The canary could not answer, and the default does."""
        assert self._canary is not None
        self._canary.stood_in()

    async def predict(self, ask: Ask) -> Prediction:
        """As `Engine.predict` does, by the version that `Engine.find` chose; by the default, if that is gone."""
        if self._canary and ask.chosen == self._canary.version:
            try:
                return await self._answer(ask._replace(version=ask.chosen), self._canary)
            except GONE:
                self._canary.stood_in()
        prediction = await self._answer(ask, self._default)
        self._offer(ask, prediction)
        return prediction

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        """As `Engine.stream` does. A stream is not copied to the shadow."""
        has_begun = False
        if self._canary and ask.chosen == self._canary.version:
            try:
                async with aclosing(self._pieces(ask._replace(version=ask.chosen), self._canary)) as pieces:
                    async for piece in pieces:
                        has_begun = True
                        yield piece
                return
            except GONE:
                if has_begun:
                    raise
                self._canary.stood_in()
        async with aclosing(self._pieces(ask, self._default)) as pieces:
            async for piece in pieces:
                yield piece

    def close(self) -> None:
        """Give up what is asked of the shadow."""
        if self._shadowing:
            self._shadowing.close()

    async def _answer(self, ask: Ask, figures: Figures) -> Prediction:
        started = perf_counter()
        try:
            prediction = await self._engine.predict(ask)
        except Exception as error:
            figures.failed(error)
            raise
        _count(figures, prediction, started)
        return prediction

    async def _pieces(self, ask: Ask, figures: Figures) -> AsyncGenerator[Prediction, None]:
        started, piece = perf_counter(), None
        try:
            async with aclosing(self._engine.stream(ask)) as pieces:
                async for piece in pieces:
                    yield piece
        except Exception as error:
            figures.failed(error)
            raise
        if piece is not None:
            _count(figures, piece, started)

    def _offer(self, ask: Ask, prediction: Prediction) -> None:
        shadow = self.rule.shadow
        if shadow is None or self._shadowing is None or prediction.version != self.rule.default:
            return
        if drawn(self.name, "shadow", shadow.version, ask.request_id) < shadow.share:
            self._shadowing.offer(ask, prediction)


def _count(figures: Figures, last: Prediction, started: float) -> None:
    if last.version == figures.version:
        figures.answered(perf_counter() - started)
    else:  # the default that is held is missing, and another answers
        figures.stood_in()


def drawn(*parts: str | int) -> float:
    """Return a number from 0 up to 1: always the same for the same parts, and evenly spread over different ones."""
    digest = blake2b("\n".join(map(str, parts)).encode(errors="replace"), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / 2**53
