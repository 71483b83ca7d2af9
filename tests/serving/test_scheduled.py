"""The life of versions with graphs, whatever schedules them."""

import pytest
from conftest import local_engine, publish_sentiment
from engines import asking, run
from tiny_writer import WRITER, publish_writer

from app.errors import InvalidInput, ModelNotReady
from app.serving.generator import TextGenerator
from app.serving.model import Model
from app.serving.scheduled import ScheduledModel
from app.tasks.generation_schema import GenerationInput, GenerationParameters
from app.tasks.text_classification import TextClassificationParameters, TextInput

KINDS = {
    "tiny-sentiment": (Model, TextInput(text="good"), TextClassificationParameters()),
    WRITER: (TextGenerator, GenerationInput(text="ab"), GenerationParameters(max_new_tokens=2)),
}


@pytest.fixture(params=KINDS)
def name(request) -> str:
    return request.param


@pytest.fixture
def engine(tmp_path):
    publish_sentiment(tmp_path / "models", tmp_path / "sentiment")
    publish_writer(tmp_path / "models", tmp_path / "writer")
    return local_engine(tmp_path / "models")


def test_it_is_ready_until_it_is_drained_and_answers_nobody_then(engine, name):
    kind, item, parameters = KINDS[name]

    async def live():
        model = engine.live(name)
        assert isinstance(model, kind)
        assert isinstance(model, ScheduledModel)
        assert (model.is_ready, model.is_lost, set(model.placements)) == (True, False, {"model"})
        ask = asking(engine, name, [item], parameters)
        assert len((await model.predict(ask)).outputs) == 1
        assert model.statistics.succeeded.count == 1
        await model.drain()
        assert not model.is_ready
        with pytest.raises(ModelNotReady, match="being unloaded"):
            await model.predict(ask)

    run(engine, live)


def test_it_tells_how_it_uses_this_machine(engine, name):
    async def live():
        return engine.live(name).tuning

    tuning = run(engine, live)
    assert tuning.plan is None
    assert tuning.alone_s > 0
    assert tuning.slower > 0


def test_a_view_that_it_has_not_is_told_with_those_that_it_has(engine, name):
    _, item, parameters = KINDS[name]

    async def live():
        ask = asking(engine, name, [item], parameters)
        with pytest.raises(InvalidInput, match=f"{name} has no 'flight'; it has: {ask.view}"):
            await engine.live(name).predict(ask._replace(view="flight"))

    run(engine, live)
