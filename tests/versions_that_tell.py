"""Versions of one small classifier, each of which says by its labels which one it is; and engines that divide them."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import publish_sentiment

from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.engine import Ask, Asker, Prediction
from app.serving.local import LocalEngine
from app.serving.traffic import TrafficEngine
from app.tasks.text_classification import TextClassificationParameters, TextInput
from app.telemetry import Telemetry

NAME = "tiny-sentiment"
VIEW = "text-classification"
CALLERS = [f"key {i}" for i in range(40)]


def publish_telling(root: Path, scratch: Path, number: int, **fields: Any) -> None:
    """So many versions; the best label of `good` is `good-1`, `good-2`, …"""
    root.mkdir(exist_ok=True)
    for _ in range(number):
        version = 1 + len(list((root / NAME).glob("[0-9]*")))
        config = {"labels": [f"bad-{version}", f"good-{version}"], "tokenizer": "tokenizer.json", "max_tokens": 16}
        publish_sentiment(root, scratch, **{"config": config, "golden": (), **fields})


def traffic_engine(
    root: Path, telemetry: Telemetry | None = None, only: Sequence[str] = (), **settings: Any
) -> TrafficEngine:
    telemetry = telemetry or Telemetry()
    options = RuntimeOptions(device="cpu")
    repository = ModelRepository(root, only)
    local = LocalEngine(repository, telemetry, options=options, drain_timeout_s=5.0, **settings)
    return TrafficEngine(local, repository, telemetry)


def asked(engine: TrafficEngine, caller: str = "", request_id: str = "", version: int | None = None) -> Ask:
    """A question as the API puts it: what `find` chose is told to `predict`."""
    served = engine.find(NAME, version, Asker(caller, request_id))
    return Ask(
        NAME, version, VIEW, [TextInput(text="good")], TextClassificationParameters(), 20.0,
        caller=caller, request_id=request_id, read_for=served.forms[VIEW],
        chosen=served.manifest.version if version is None else None,
    )  # fmt: skip


async def ask(engine: TrafficEngine, caller: str = "", request_id: str = "", version: int | None = None) -> Prediction:
    return await engine.predict(asked(engine, caller, request_id, version))


def said_by(prediction: Prediction) -> int:
    """The version by what the answer says, which must be the one that it names."""
    label: str = prediction.outputs[0][0].label
    version = int(label.rpartition("-")[2])
    assert version == prediction.version
    return version


async def until(condition: Any) -> None:
    for _ in range(1500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true in time")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    publish_telling(tmp_path / "models", tmp_path / "scratch", 3)
    return tmp_path / "models"


@pytest.fixture
def more(root: Path, tmp_path: Path) -> Callable[..., None]:
    """Publish further versions."""
    return lambda number=1, **fields: publish_telling(root, tmp_path / "scratch", number, **fields)


async def answered(engine: Any, callers: Sequence[str] = CALLERS) -> dict[str, int]:
    """The version that answers each caller."""
    return {caller: said_by(await ask(engine, caller)) for caller in callers}
