"""A version that makes sequences of sequences, in an engine: sentences of many texts step together."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from engines import asking, predict
from tiny_translator import CONTEXT, TRANSLATOR, publish_translator, sessions
from waiting import eventually

from app.errors import DeadlineExceeded, InferenceFailed, InvalidInput, ModelNotReady, Overloaded
from app.repository.manifest import Golden
from app.repository.repository import ModelRepository
from app.runtimes.onnx_sequence import OnnxSequenceDecoder
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.serving.sequences import SequenceModel
from app.tasks.translation import TextTranslation, TranslationInput, TranslationParameters
from app.tasks.view import predict_alone
from app.telemetry import Telemetry

pytestmark = pytest.mark.anyio

TEXTS = [
    "The ferry leaves at seven. Bring a coat!",
    "One.",
    "- First item\n- Second item\n\nThe end of the list is here. Is it?",
    "A sentence of some more words than the others have, to be read beside them.",
] * 3


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[LocalEngine]:
    publish_translator(tmp_path / "models", tmp_path / "scratch")
    engine = LocalEngine(ModelRepository(tmp_path / "models"), Telemetry(), options=RuntimeOptions(device="cpu"))
    await engine.load()
    yield engine
    await engine.stop()


def model_of(engine: LocalEngine) -> SequenceModel:
    found = engine.live(TRANSLATOR)
    assert isinstance(found, SequenceModel)
    return found


async def translate(engine: LocalEngine, *texts: str, **terms) -> list[str]:
    items = [TranslationInput(text=text) for text in texts]
    found = await predict(engine, TRANSLATOR, items, TranslationParameters(), **terms)
    return [one.translation_text for one in found.outputs]


def alone(engine: LocalEngine, text: str) -> str:
    view = TextTranslation(model_of(engine).loaded.kernel)
    return predict_alone(view, sessions(), TranslationInput(text=text), TranslationParameters()).translation_text


async def test_texts_are_answered_in_company_as_they_are_alone(engine):
    expected = [alone(engine, text) for text in TEXTS]
    assert len(set(expected)) == 4
    assert await translate(engine, *TEXTS) == expected
    many = await asyncio.gather(*(translate(engine, text, caller=str(i % 3)) for i, text in enumerate(TEXTS)))
    assert [one for [one] in many] == expected


async def test_a_text_that_cannot_be_read_keeps_nobody_waiting(engine):
    good, bad = asyncio.create_task(translate(engine, *TEXTS)), translate(engine, TEXTS[0], " ")
    with pytest.raises(InvalidInput) as refused:
        await bad
    assert refused.value.details[0]["loc"] == ["inputs", 1, "text"]
    assert await good == [alone(engine, text) for text in TEXTS]


async def test_a_sentence_at_which_the_encoder_fails_fails_its_request_alone(engine, monkeypatch):
    begin = OnnxSequenceDecoder.begin

    def fails(self, slot, source):
        if source.length == len(kernel.ids("Poison.")):
            raise RuntimeError("the encoder broke")
        begin(self, slot, source)

    kernel = model_of(engine).loaded.kernel
    expected = [alone(engine, text) for text in TEXTS[:1]]
    monkeypatch.setattr(OnnxSequenceDecoder, "begin", fails)
    good = asyncio.create_task(translate(engine, TEXTS[0]))
    with pytest.raises(InferenceFailed):
        await translate(engine, "Poison. And a good sentence.")
    assert await good == expected
    assert model_of(engine).stepper.num_in_flight == 0


async def test_whoever_leaves_or_is_too_late_leaves_no_sentence_behind(engine):
    long = "This is a sentence of some words. " * 300
    leaving = asyncio.create_task(translate(engine, long))
    await asyncio.to_thread(eventually, lambda: model_of(engine).stepper.num_in_flight > 0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    with pytest.raises((DeadlineExceeded, Overloaded)):
        await translate(engine, long, within_s=0.2)
    assert await translate(engine, TEXTS[1]) == [alone(engine, TEXTS[1])]
    assert (model_of(engine).stepper.num_in_flight, model_of(engine).stepper.queue_size) == (0, 0)


async def test_what_was_admitted_is_answered_while_it_is_unloaded_and_nothing_stays(engine):
    model = model_of(engine)
    expected = [alone(engine, text) for text in TEXTS]
    asked = asyncio.create_task(translate(engine, *TEXTS))
    await asyncio.sleep(0)
    await engine.unload(TRANSLATOR)
    assert await asked == expected
    with pytest.raises(ModelNotReady):
        await translate(engine, TEXTS[0])
    decoder = weakref.ref(model.loaded.stepping.decoder)
    del model
    gc.collect()
    assert decoder() is None


async def test_one_row_at_a_time_has_room_for_the_longest_sentence(tmp_path):
    publish_translator(tmp_path / "models", tmp_path / "scratch", most_rows=1)
    engine = LocalEngine(ModelRepository(tmp_path / "models"), Telemetry(), options=RuntimeOptions(device="cpu"))
    await engine.load()
    try:
        long = "x" * (CONTEXT - 1)
        assert await translate(engine, long, within_s=10) == [alone(engine, long)]
    finally:
        await engine.stop()


async def test_a_stream_is_one_whole_answer(engine):
    asked = asking(engine, TRANSLATOR, [TranslationInput(text=TEXTS[0])], TranslationParameters())
    (only,) = [one async for one in engine.stream(asked)]
    assert only.outputs[0].translation_text == alone(engine, TEXTS[0])
    assert only.timing.rows == 2


async def test_golden_examples_are_checked_when_it_is_loaded(tmp_path):
    wrong = Golden(input={"text": "One."}, output={"translation_text": "?", "sentences": 1, "is_complete": True})
    publish_translator(tmp_path / "models", tmp_path / "scratch", golden=(wrong,))
    engine = LocalEngine(ModelRepository(tmp_path / "models"), Telemetry(), options=RuntimeOptions(device="cpu"))
    await engine.load()
    try:
        assert "golden example 0" in str(engine.status(TRANSLATOR).models[0].versions[0])
    finally:
        await engine.stop()
