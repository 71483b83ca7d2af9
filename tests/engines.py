"""Asking an engine as the API does; and an engine that is as far away as another process."""

import asyncio
import pickle
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from app.errors import ModelNotReady, ServiceError
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.engine import Ask, Asker, Engine, EngineStatus, Prediction, Served
from app.serving.local import LocalEngine
from app.serving.raw import NAME as RAW
from app.serving.raw import RawAnswer
from app.telemetry import Telemetry

Thing = TypeVar("Thing")


async def loaded(engine: Engine, asking: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Ask an engine between its loading and its end."""
    await engine.load()
    try:
        return await asking()
    finally:
        await engine.stop()


def run(engine: Engine, asking: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return asyncio.run(asyncio.wait_for(loaded(engine, asking), 30))


def asking(engine: Engine, name: str, items: Sequence[Any], parameters: Any = None, **terms: Any) -> Ask:
    """A question to a model's own view, unless `terms` name another; a minute is time enough."""
    served = engine.find(name, terms.get("version"))
    view = terms.pop("view", served.manifest.task)
    defaults = {"version": None, "within_s": 60.0, "read_for": served.forms[view]}
    return Ask(name, view=view, items=items, parameters=parameters, **{**defaults, **terms})


async def predict(engine: Engine, name: str, items: Sequence[Any], parameters: Any = None, **terms: Any) -> Prediction:
    return await engine.predict(asking(engine, name, items, parameters, **terms))


async def infer(engine: Engine, name: str, inputs: dict[str, np.ndarray], **terms: Any) -> Prediction:
    return await engine.predict(asking(engine, name, [inputs], view=RAW, **terms))


def tensors_of(prediction: Prediction) -> dict[str, np.ndarray]:
    (answer,) = prediction.outputs
    assert isinstance(answer, RawAnswer)
    return answer.tensors


def can_predict(engine: Engine, name: str, version: int | None = None) -> bool:
    try:
        found = engine.find(name, version).manifest.version
    except ModelNotReady:
        return False
    (status,) = engine.status(name).models
    return next(one.is_ready for one in status.versions if one.version == found)


def sent(thing: Thing) -> Thing:
    """Return what arrives of it in another process."""
    copy: Thing = pickle.loads(pickle.dumps(thing))
    return copy


class FarEngine:
    """Passes everything on to an engine and back, errors too, as bytes: what cannot be pickled does not get through."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def is_stopping(self) -> bool:
        return self._engine.is_stopping

    def status(self, name: str | None = None) -> EngineStatus:
        return self._told(lambda: self._engine.status(name))

    def find(self, name: str, version: int | None = None, asker: Asker | None = None) -> Served:
        return self._told(lambda: self._engine.find(name, version, sent(asker)))

    async def predict(self, ask: Ask) -> Prediction:
        return await self._awaited(self._engine.predict(sent(ask)))

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        try:
            async with aclosing(self._engine.stream(sent(ask))) as pieces:
                async for piece in pieces:
                    yield sent(piece)
        except ServiceError as error:
            raise sent(error) from None

    async def load(self, name: str | None = None) -> None:
        await self._awaited(self._engine.load(name))

    async def unload(self, name: str) -> None:
        await self._awaited(self._engine.unload(name))

    async def stop(self) -> None:
        await self._awaited(self._engine.stop())

    @staticmethod
    def _told(tell: Any) -> Any:
        try:
            return sent(tell())
        except ServiceError as error:
            raise sent(error) from None

    @staticmethod
    async def _awaited(answering: Any) -> Any:
        try:
            return sent(await answering)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise sent(error) from None


def near_engine(models_dir: Path, telemetry: Telemetry | None = None, threads: int = 1) -> LocalEngine:
    options = RuntimeOptions(device="cpu", threads=threads)
    return LocalEngine(ModelRepository(models_dir), telemetry or Telemetry(), options=options)


def pickling_engine(models_dir: Path, telemetry: Telemetry, threads: int = 1) -> Engine:
    return FarEngine(near_engine(models_dir, telemetry, threads))


_make: Callable[[Path, Telemetry, int], Engine] = pickling_engine


def set_out(make: Callable[[Path, Telemetry, int], Engine]) -> None:
    """From now on engines that are far away are made so."""
    global _make
    _make = make


def far_engine(models_dir: Path, telemetry: Telemetry | None = None, threads: int = 1) -> Engine:
    """An engine that must be asked, and get, nothing but what can be sent; `pytest --engine` says how far it is."""
    return _make(models_dir, telemetry or Telemetry(), threads)
