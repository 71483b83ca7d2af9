"""The small model answers what it is sure of, and the large one all else."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from cascades import LARGE, SMALL, SURE, UNSURE, publish_cascade, publish_models, publish_mood
from engines import FarEngine, loaded, predict

from app.errors import DeadlineExceeded, InvalidInput, Overloaded
from app.repository.cascade import CascadeStep
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.engine import Ask, Prediction
from app.serving.local import LocalEngine
from app.tasks.explanations.text import TextExplanationParameters
from app.tasks.text_classification import TextClassificationParameters, TextInput
from app.telemetry import Telemetry

TASK = "text-classification"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    publish_models(tmp_path / "models", tmp_path)
    return tmp_path / "models"


def with_engine(root: Path, test: Callable[[LocalEngine], Coroutine[Any, Any, Any]], **options: Any) -> Any:
    async def main() -> Any:
        engine = LocalEngine(ModelRepository(root), Telemetry(), options=RuntimeOptions(threads=1), **options)
        return await loaded(engine, lambda: test(engine))

    return asyncio.run(asyncio.wait_for(main(), 60))


async def ask(engine: LocalEngine, *texts: str, within_s: float = 20.0, **parameters: Any) -> Prediction:
    items = [TextInput(text=one) for one in texts]
    return await engine.predict(Ask("mood", None, TASK, items, TextClassificationParameters(**parameters), within_s))


def best(prediction: Prediction) -> list[str]:
    return [output[0].label for output in prediction.outputs]


def rows(engine: LocalEngine, name: str) -> int:
    statistics = engine.status(name).models[0].versions[0].statistics
    assert statistics is not None
    return statistics.rows


def test_the_large_model_runs_only_what_the_small_one_is_unsure_of(root: Path) -> None:
    publish_cascade(root)
    times = 40

    async def main(engine: LocalEngine) -> None:
        prediction = await ask(engine, *[UNSURE, SURE, SURE, UNSURE, SURE] * times)
        assert best(prediction) == ["negative", "positive", "positive", "negative", "positive"] * times
        assert prediction.answered_by == ("large", "small", "small", "large", "small") * times
        assert (prediction.model, prediction.version) == ("mood", 1)
        assert (rows(engine, "mood-small"), rows(engine, "mood-large")) == (5 * times, 2 * times)
        assert [name for name, _ in prediction.steps] == ["small", "large"]
        assert prediction.timing.inference_s == sum(timing.inference_s for _, timing in prediction.steps) > 0

    with_engine(root, main)


def test_where_the_small_model_is_sure_of_all_the_large_one_is_not_asked(root: Path) -> None:
    publish_cascade(root)

    async def main(engine: LocalEngine) -> None:
        prediction = await ask(engine, SURE, SURE)
        assert prediction.answered_by == ("small", "small")
        assert [name for name, _ in prediction.steps] == ["small"]
        assert rows(engine, "mood-large") == 0

    with_engine(root, main)


def test_a_confidence_that_is_just_enough_is(root: Path) -> None:
    async def score(engine: LocalEngine) -> float:
        prediction = await predict(engine, "mood-small", [TextInput(text=UNSURE)], TextClassificationParameters())
        return float(prediction.outputs[0][0].score)

    exactly = with_engine(root, score)
    publish_cascade(root, SMALL.model_copy(update={"enough": exactly}), LARGE)
    assert with_engine(root, lambda engine: ask(engine, UNSURE, "film")).answered_by == ("small", "large")


def test_scores_that_are_no_probabilities_are_those_of_the_large_model(root: Path) -> None:
    publish_cascade(root)

    async def main(engine: LocalEngine) -> None:
        for parameters, answered_by in (
            ({"function_to_apply": "none"}, "large"),
            ({"function_to_apply": "sigmoid"}, "large"),
            ({"function_to_apply": "softmax"}, "small"),
            ({"top_k": 1}, "small"),
        ):
            assert (await ask(engine, SURE, **parameters)).answered_by == (answered_by,)

    with_engine(root, main)


def test_of_three_steps_each_gets_what_all_before_it_are_unsure_of(root: Path, tmp_path: Path) -> None:
    publish_mood(root, tmp_path, "mood-middle", 1.5)  # 0.9526 sure of one word
    middle = CascadeStep(name="middle", model="mood-middle", version=1, enough=0.95)
    publish_cascade(root, SMALL, middle, LARGE)

    async def main(engine: LocalEngine) -> None:
        prediction = await ask(engine, "film", SURE, UNSURE, "film", UNSURE)
        assert prediction.answered_by == ("large", "small", "middle", "large", "middle")
        assert [rows(engine, f"mood-{name}") for name in ("small", "middle", "large")] == [5, 4, 2]

    with_engine(root, main)


@pytest.mark.parametrize("fewest_tokens", ["mood-small", "mood-large"])
def test_an_item_that_a_step_refuses_is_told_by_its_place_among_all(root: Path, tmp_path: Path, fewest_tokens) -> None:
    config = {"labels": ["negative", "positive"], "tokenizer": "tokenizer.json", "max_tokens": 8}
    publish_mood(root, tmp_path, fewest_tokens, config=config)
    steps = [one.model_copy(update={"version": 2}) if one.model == fewest_tokens else one for one in (SMALL, LARGE)]
    publish_cascade(root, *steps)

    async def main(engine: LocalEngine) -> None:
        with pytest.raises(InvalidInput) as found:
            await ask(engine, SURE, UNSURE, SURE, " film" * 9, SURE)
        assert found.value.details[0]["loc"] == ["inputs", 3, "text"]
        assert str(found.value).startswith("inputs.3.text: ")
        assert (await ask(engine, " film" * 9, truncate=True)).answered_by == ("large",)

    with_engine(root, main)


def test_other_views_and_tensors_are_those_of_the_last_step(root: Path) -> None:
    publish_cascade(root)

    async def main(engine: LocalEngine) -> None:
        served, last = engine.find("mood"), engine.find("mood-large")
        assert (served.forms, served.class_names) == (last.forms, last.class_names)
        items = [TextInput(text=UNSURE)]
        asked = Ask("mood", None, "explanation", items, TextExplanationParameters(), 20.0)
        asked = asked._replace(read_for=served.forms["explanation"])
        prediction = await engine.predict(asked)
        (expected,) = (await engine.predict(asked._replace(model="mood-large"))).outputs
        assert prediction.outputs == [expected]
        assert prediction.answered_by == ("large",)
        assert rows(engine, "mood-small") == 0
        with pytest.raises(InvalidInput, match="mood has no 'flight'; it has: text-classification, explanation, raw"):
            await engine.predict(asked._replace(view="flight", read_for=""))

    with_engine(root, main)


def test_all_steps_have_one_deadline(root: Path) -> None:
    publish_cascade(root)

    async def main(engine: LocalEngine) -> None:
        with pytest.raises(DeadlineExceeded):
            await ask(engine, SURE, within_s=0.0)

    with_engine(root, main)


def test_a_step_that_is_out_of_time_fails_the_whole_request(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_cascade(root)

    async def main(engine: LocalEngine) -> None:
        small = engine.live("mood-small")
        at_once = small.predict

        async def late(asked: Ask) -> Prediction:
            prediction = await at_once(asked)
            await asyncio.sleep(asked.within_s)
            return prediction

        monkeypatch.setattr(small, "predict", late)
        with pytest.raises(DeadlineExceeded, match="before step large began"):
            await ask(engine, SURE, UNSURE, within_s=0.5)
        assert rows(engine, "mood-large") == 0
        assert (await ask(engine, SURE, within_s=0.5)).answered_by == ("small",)

    with_engine(root, main)


def test_a_large_model_that_has_too_much_to_do_fails_the_whole_request(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_cascade(root)

    async def main(engine: LocalEngine) -> None:
        async def busy(asked: Ask) -> Prediction:
            raise Overloaded("too many requests wait for model mood-large", 1.5)

        monkeypatch.setattr(engine.live("mood-large"), "predict", busy)
        with pytest.raises(Overloaded, match="mood-large") as found:
            await ask(engine, SURE, UNSURE)
        assert found.value.retry_after_s == 1.5
        assert (await ask(engine, SURE)).answered_by == ("small",)

    with_engine(root, main)


def test_it_counts_its_items_by_the_step_that_answered_them(root: Path) -> None:
    publish_cascade(root, golden=())
    telemetry = Telemetry()

    async def main() -> None:
        engine = LocalEngine(ModelRepository(root), telemetry, options=RuntimeOptions(threads=1))

        async def test() -> None:
            await ask(engine, SURE, UNSURE, SURE)
            await engine.predict(
                Ask("mood", None, "explanation", [TextInput(text=SURE)], TextExplanationParameters(), 20.0)
            )
            with pytest.raises(InvalidInput):
                await ask(engine, SURE, " film" * 99)
            statistics = engine.status("mood").models[0].versions[0].statistics
            assert statistics is not None
            assert (statistics.succeeded.count, statistics.failed.count) == (2, 1)

        await loaded(engine, test)

    asyncio.run(asyncio.wait_for(main(), 60))
    counted = [line for line in telemetry.render().decode().splitlines() if line.startswith("tessera_cascade_items")]
    assert counted == [
        'tessera_cascade_items_total{model="mood",step="small",version="1"} 2.0',
        'tessera_cascade_items_total{model="mood",step="large",version="1"} 1.0',
    ]


def test_all_of_it_passes_to_another_process_and_back(root: Path) -> None:
    publish_cascade(root)

    async def main(engine: LocalEngine) -> None:
        far = FarEngine(engine)
        assert far.find("mood") == engine.find("mood")
        items = [TextInput(text=SURE), TextInput(text=UNSURE)]
        prediction = await predict(far, "mood", items, TextClassificationParameters())
        assert prediction.answered_by == ("small", "large")

    with_engine(root, main)
