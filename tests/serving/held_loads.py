"""Engines of small models whose loads and requests can be held up."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from engines import can_predict

from app.errors import ModelNotFound
from app.repository.repository import ModelRepository
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.tasks.text_classification import TextClassification, TextClassificationParameters, TextInput
from app.tasks.view import Prepared
from app.telemetry import Telemetry


class Gate:
    """Graphs whose path holds one of `names` are opened when the gate is."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.opening: list[str] = []
        self.event = Event()

    def pass_through(self, path: Path) -> None:
        if any(name in str(path) for name in self.names):
            self.opening.append(str(path))
            assert self.event.wait(60)


@pytest.fixture
def gate(monkeypatch) -> Iterator[Gate]:
    gate, open_graph = Gate(), RUNTIMES["onnx"]

    def opened(path: Path, options: RuntimeOptions) -> Any:
        gate.pass_through(path)
        return open_graph(path, options)

    monkeypatch.setitem(RUNTIMES, "onnx", opened)
    yield gate
    gate.event.set()


@pytest.fixture
def new_engine(models_dir) -> Callable[..., LocalEngine]:
    def make(**settings: Any) -> LocalEngine:
        return LocalEngine(
            ModelRepository(models_dir),
            Telemetry(),
            options=RuntimeOptions(device="cpu"),
            **{"turn_s": 0.2, "suspense_s": 0.2, "drain_timeout_s": 5.0, **settings},
        )

    return make


class Held:
    """Requests that wait for `go` before their item is read."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """Texts that are "hold" are held."""
    one, preprocess = Held(), TextClassification.preprocess

    def wait(self: TextClassification, item: TextInput, parameters: TextClassificationParameters) -> Prepared:
        if item.text == "hold":
            one.begun.set()
            one.go.wait(30)
        return preprocess(self, item, parameters)

    monkeypatch.setattr(TextClassification, "preprocess", wait)
    monkeypatch.setattr(TextClassification, "is_quick", lambda self, item: item.text != "hold")
    yield one
    one.go.set()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def is_live(engine: LocalEngine, name: str, version: int | None = None) -> bool:
    try:
        return can_predict(engine, name, version)
    except ModelNotFound:
        return False
