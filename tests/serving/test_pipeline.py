"""Photo to own features to own head, as one model."""

import asyncio
import base64
import re
from collections.abc import Callable, Coroutine
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from conftest import publish_sentiment
from engines import FarEngine, loaded, predict
from graphs import publish_brightness, publish_features, publish_head
from PIL import Image

from app.errors import DeadlineExceeded, InferenceFailed, InvalidInput, ModelNotReady
from app.repository.manifest import Golden, Manifest
from app.repository.pipeline import PipelineManifest, Step
from app.repository.publish import publish
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.contracts import PipelineParameters
from app.serving.engine import Ask, Prediction
from app.serving.local import LocalEngine
from app.tasks.image_input import ImageInput
from app.tasks.text_classification import TextInput
from app.telemetry import Telemetry

SEES = Step(name="sees", model="photo-features", version=1, task="image-feature-extraction")
SAYS = Step(name="says", model="head", version=1, task="tensors", inputs={"features": "sees"})


def photo(colour: str = "#ff8000") -> bytes:
    file = BytesIO()
    Image.new("RGB", (20, 20), colour).save(file, "PNG")
    return file.getvalue()


def golden(scores: list[float]) -> Golden:
    return Golden(input={"image": base64.b64encode(photo()).decode()}, output={"scores": scores})


ANSWERS = {"golden": (golden([1, 2]),)}  # otherwise than it does


def publish_pipeline(root: Path, *steps: Step, **fields: Any) -> Manifest:
    return publish(root, "quality", {}, kind=PipelineManifest, steps=steps or (SEES, SAYS), **fields)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    models = tmp_path / "models"
    publish_features(models, tmp_path)
    publish_head(models, tmp_path)
    return models


def with_engine(root: Path, test: Callable[[LocalEngine], Coroutine[Any, Any, Any]], **options: Any) -> Any:
    async def main() -> Any:
        engine = LocalEngine(ModelRepository(root), Telemetry(), options=RuntimeOptions(threads=1), **options)
        return await loaded(engine, lambda: test(engine))

    return asyncio.run(asyncio.wait_for(main(), 60))


async def ask(engine: LocalEngine, *photos: bytes, within_s: float = 20.0) -> Prediction:
    items = [ImageInput(image=one) for one in photos]
    return await engine.predict(Ask("quality", None, "pipeline", items, PipelineParameters(), within_s))


def reason(root: Path, **options: Any) -> str:
    """Why the pipeline is not served; nothing if it is."""

    async def main(engine: LocalEngine) -> str:
        return engine.status("quality").models[0].versions[0].reason

    return str(with_engine(root, main, **options))


@pytest.mark.parametrize("number", [1, 6])
def test_each_step_gets_what_the_one_before_it_gave(root: Path, number: int) -> None:
    publish_pipeline(root, golden=(golden([255, 128]),))
    prediction = with_engine(root, lambda engine: ask(engine, *[photo(), photo("#0000ff")] * number))
    assert [list(map(float, one.root["scores"])) for one in prediction.outputs] == [[255, 128], [0, 0]] * number
    assert (prediction.model, prediction.version) == ("quality", 1)
    assert [name for name, _ in prediction.steps] == ["sees", "says"]
    took = sum(timing.inference_s for _, timing in prediction.steps)
    assert prediction.timing.inference_s == took > 0


def test_a_step_reads_what_came_before_it_by_the_names_and_positions_of_its_json(root: Path, tmp_path: Path) -> None:
    publish_brightness(root, tmp_path)
    publish_sentiment(root, tmp_path / "words", name="words", golden=())
    sees = Step(name="sees", model="brightness", version=1, task="image-classification")
    judges = Step(name="judges", model="words", version=1, task="text-classification", inputs={"text": "sees.0.label"})
    publish_pipeline(root, sees, judges)
    (output,) = with_engine(root, lambda engine: ask(engine, photo())).outputs
    assert {one.label for one in output} == {"negative", "positive"}


def test_it_tells_what_it_takes_and_gives(root: Path) -> None:
    publish_pipeline(root)

    async def main(engine: LocalEngine) -> None:
        contract = engine.find("quality").contract
        assert contract.Input is ImageInput
        assert contract.binary_field == "image"
        (status,) = engine.status("quality").models
        assert status.is_ready
        assert status.tuning is None

    with_engine(root, main)


def test_its_versions_are_pinned_and_kept_whatever_is_newer(root: Path, tmp_path: Path) -> None:
    publish_head(root, tmp_path, [[0, 0]] * 3)
    publish_head(root, tmp_path, [[0, 0]] * 3)
    publish_pipeline(root)

    async def main(engine: LocalEngine) -> None:
        (head,) = engine.status("head").models
        assert [(one.version, one.state) for one in head.versions] == [(3, "ready"), (2, "unloaded"), (1, "ready")]
        assert (await ask(engine, photo())).outputs[0].root["scores"].tolist() == [255, 128]
        await engine.load("head")  # again, with the same result
        assert (await ask(engine, photo())).outputs[0].root["scores"].tolist() == [255, 128]
        await engine.unload("quality")
        (head,) = engine.status("head").models
        assert [(one.version, one.state) for one in head.versions] == [
            (3, "ready"), (2, "unloaded"), (1, "unloaded"),
        ]  # fmt: skip

    with_engine(root, main, keep_versions=1)


@pytest.mark.parametrize(
    ("steps", "fields", "says"),
    [
        ((SEES, SAYS.model_copy(update={"version": 9})), {}, r"step says: .* version 9"),
        ((SEES, SAYS.model_copy(update={"model": "nobody"})), {}, r"step says: .*nobody"),
        ((SEES, SAYS.model_copy(update={"task": "summarization"})), {}, "head is a model for tensors, not for summ"),
        ((SEES, SAYS.model_copy(update={"task": "magic"})), {}, "step says: a model for magic does not answer 'magic'"),
        ((SEES, SAYS.model_copy(update={"view": "explanation"})), {}, "does not answer 'explanation'"),
        ((SEES.model_copy(update={"parameters": {"colour": 1}}), SAYS), {}, "step sees: parameters: colour"),
        ((), ANSWERS, "golden example 0 has another answer"),
        ((SEES, SAYS.model_copy(update={"inputs": {"features": "sees.x"}})), ANSWERS, "gave no x"),
        ((SEES, SAYS.model_copy(update={"inputs": {"colours": "sees"}})), ANSWERS, "does not take"),
    ],
)  # fmt: skip
def test_a_pipeline_that_could_not_answer_does_not_come_alive(root: Path, steps, fields, says: str) -> None:
    publish_pipeline(root, *steps, **fields)
    found = reason(root)
    assert re.search(says, found), found


def test_it_is_as_ready_as_its_steps_and_says_which_one_is_not(root: Path) -> None:
    publish_pipeline(root)

    async def main(engine: LocalEngine) -> None:
        await engine.unload("head")
        assert not engine.status("quality").models[0].is_ready
        with pytest.raises(ModelNotReady, match=r"step says: .*unloaded"):
            await ask(engine, photo())
        await engine.load("head")
        assert engine.status("quality").models[0].is_ready
        assert len((await ask(engine, photo())).outputs) == 1

    with_engine(root, main)


def test_a_bad_item_is_the_callers_and_what_steps_do_not_take_of_one_another_is_ours(root: Path) -> None:
    publish_pipeline(root, SEES, SAYS.model_copy(update={"inputs": {"features": "sees.0"}}))

    async def main(engine: LocalEngine) -> None:
        with pytest.raises(InvalidInput) as found:
            await ask(engine, photo(), b"no picture")
        assert found.value.details[0]["loc"][:2] == ["inputs", 1]
        with pytest.raises(InferenceFailed, match="step says does not take what came before it"):
            await ask(engine, photo())

    with_engine(root, main)


def test_what_a_later_step_refuses_of_the_callers_item_is_the_callers_fault(root: Path, tmp_path: Path) -> None:
    publish_sentiment(root, tmp_path / "words", name="words", golden=())
    first = Step(name="first", model="words", version=1, task="text-classification")
    publish_pipeline(root, first, SAYS.model_copy(update={"inputs": {"features": "input.text"}}))

    async def main(engine: LocalEngine) -> None:
        items = [TextInput(text="good"), TextInput(text="bad")]
        with pytest.raises(InvalidInput, match="step says: ") as found:
            await engine.predict(Ask("quality", None, "pipeline", items, PipelineParameters(), 20.0))
        assert found.value.details[0]["loc"] == ["inputs", 0, "text"]

    with_engine(root, main)


def test_all_of_it_passes_to_another_process_and_back(root: Path) -> None:
    publish_pipeline(root)

    async def main(engine: LocalEngine) -> None:
        far = FarEngine(engine)
        assert far.find("quality") == engine.find("quality")
        assert far.status("quality") == engine.status("quality")
        prediction = await predict(far, "quality", [ImageInput(image=photo())], PipelineParameters())
        assert [name for name, _ in prediction.steps] == ["sees", "says"]
        with pytest.raises(InvalidInput) as found:
            await predict(far, "quality", [ImageInput(image=b"no photo")], PipelineParameters())
        assert found.value.details[0]["loc"][:2] == ["inputs", 0]
        await engine.unload("head")
        with pytest.raises(ModelNotReady, match="step says"):
            await predict(far, "quality", [ImageInput(image=photo())], PipelineParameters())

    with_engine(root, main)


def test_it_counts_what_it_has_answered(root: Path) -> None:
    publish_pipeline(root)

    async def main(engine: LocalEngine) -> None:
        await ask(engine, photo(), photo())
        with pytest.raises(InvalidInput):
            await ask(engine, b"no photo")
        statistics = engine.status("quality").models[0].versions[0].statistics
        assert statistics is not None
        assert (statistics.rows, statistics.succeeded.count, statistics.failed.count) == (2, 1, 1)
        assert statistics.last_batch_at > 0

    with_engine(root, main)


def test_a_request_may_have_as_many_items_as_the_step_that_takes_fewest(root: Path, tmp_path: Path) -> None:
    publish_brightness(root, tmp_path)
    publish_sentiment(root, tmp_path / "words", name="words", golden=())
    sees = Step(name="sees", model="brightness", version=1, task="image-classification")
    why = {"view": "explanation", "inputs": {"text": "sees.0.label"}}
    publish_pipeline(root, sees, Step(name="why", model="words", version=1, task="text-classification", **why))

    async def main(engine: LocalEngine) -> None:
        explanation = engine.find("words").contracts["explanation"]
        assert explanation.max_items is not None
        assert engine.find("quality").contract.max_items == explanation.max_items

    with_engine(root, main)


def test_all_steps_have_one_deadline(root: Path) -> None:
    publish_pipeline(root)

    async def main(engine: LocalEngine) -> None:
        with pytest.raises(DeadlineExceeded):
            await ask(engine, photo(), within_s=0.0)

    with_engine(root, main)
