"""Pipelines and cascades that a front answers, step by step; their models answer in an engine instead of replicas."""

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cascades import SURE, UNSURE, publish_cascade, publish_models

from app.errors import ModelNotReady
from app.repository.pipeline import PipelineManifest, Step
from app.repository.publish import publish
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.contracts import PipelineParameters
from app.serving.engine import Ask
from app.serving.local import LocalEngine
from app.tasks.text_classification import TextClassificationParameters, TextInput
from app.telemetry import Statistics, Telemetry

if find_spec("ray") is None:
    pytest.skip("Ray is not installed", allow_module_level=True)

from test_keeper import Here
from versions_that_tell import until

from app.fleet import deployed, deploying, engine
from app.fleet.table import Life

TASK = "text-classification"
ITEMS = [TextInput(text=SURE), TextInput(text=UNSURE)]
MOOD = Ask("mood", None, TASK, ITEMS, TextClassificationParameters(), 10.0)


def test_a_front_asks_the_steps_and_holds_their_versions_until_it_has_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    publish_models(models, tmp_path)
    publish_cascade(models)
    words = Step(name="words", model="mood-small", version=1, task=TASK)
    says = Step(name="says", model="mood-large", version=1, task=TASK, inputs={"text": "words.0.label"})
    publish(models, "twice", {}, kind=PipelineManifest, steps=(words, says))

    async def main() -> None:
        only = ["mood-small", "mood-large"]
        local = LocalEngine(ModelRepository(models, only), Telemetry(), options=RuntimeOptions(device="cpu"))
        await local.load()
        here = Here(models, monkeypatch)

        def run(deployer: Any, app: str, manifest: Any, scaling: Any) -> None:
            told = deployer.told[app]
            told.served = local.find(manifest.name, manifest.version)
            told.tell("one", Life(True, False, {}, None, Statistics(), []))

        async def away_of(app: str) -> LocalEngine:
            return local

        monkeypatch.setattr(deploying.Deployer, "_run", run)
        monkeypatch.setattr(deployed, "away", away_of)
        monkeypatch.setattr(engine, "away", away_of)
        await here.front.load()
        served = here.front.find("mood")
        assert served.forms == local.find("mood-large").forms
        assert served.class_names == local.find("mood-large").class_names
        prediction = await here.front.predict(MOOD._replace(read_for=served.forms[TASK]))
        assert prediction.answered_by == ("small", "large")
        asked = Ask("twice", None, "pipeline", ITEMS, PipelineParameters(), 10.0)
        assert [name for name, _ in (await here.front.predict(asked)).steps] == ["words", "says"]
        await until(lambda: _succeeded(here, "mood") == 1)
        await here.front.unload("mood-large")
        with pytest.raises(ModelNotReady, match="step large: "):
            await here.front.predict(MOOD)
        await here.front.unload("mood")
        with pytest.raises(ModelNotReady, match="model mood is not ready"):
            here.front.find("mood")
        await here.front.stop()
        await local.stop()

    asyncio.run(asyncio.wait_for(main(), 60))


def _succeeded(here: Here, name: str) -> int:
    statistics = here.front.status(name).models[0].versions[0].statistics
    return statistics.succeeded.count if statistics else 0
