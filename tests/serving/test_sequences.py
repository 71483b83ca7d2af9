"""A version that makes sequences of sequences, in an engine: sentences of many texts step together."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from time import sleep

import pytest
from engines import asking, near_engine, predict
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


MOST_WAITING = 2100


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[LocalEngine]:
    publish_translator(tmp_path / "models", tmp_path / "scratch")
    options = RuntimeOptions(device="cpu")
    repository = ModelRepository(tmp_path / "models")
    engine = LocalEngine(repository, Telemetry(), options=options, max_queue_size=MOST_WAITING)
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
    begin = OnnxSequenceDecoder.begin_all

    def fails(self, slots, sources):
        if len(kernel.ids("Poison.")) in [source.length for source in sources]:
            raise RuntimeError("the encoder broke")
        begin(self, slots, sources)

    kernel = model_of(engine).loaded.kernel
    expected = [alone(engine, text) for text in TEXTS[:1]]
    monkeypatch.setattr(OnnxSequenceDecoder, "begin_all", fails)
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


async def test_a_text_that_would_be_too_late_even_alone_is_refused_before_prompts_are_made_of_it(engine, monkeypatch):
    kernel, made = model_of(engine).loaded.kernel, list[object]()
    prompt_of = kernel.prompt_of
    monkeypatch.setattr(kernel, "prompt_of", lambda row: made.append(row) or prompt_of(row))
    with pytest.raises(DeadlineExceeded, match="alone, too long"):
        await translate(engine, "This is a sentence of some words. " * 2000, within_s=0.4)
    assert 1 <= len(made) <= 3  # one of each length


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
    engine = near_engine(tmp_path / "models")
    await engine.load()
    try:
        long = "x" * (CONTEXT - 1)
        assert await translate(engine, long, within_s=10) == [alone(engine, long)]
    finally:
        await engine.stop()


def streaming(engine: LocalEngine, *texts: str, **parameters):
    items = [TranslationInput(text=text) for text in texts]
    return engine.stream(asking(engine, TRANSLATOR, items, TranslationParameters(**parameters)))


@pytest.mark.parametrize("num_beams", [1, 3])
async def test_a_stream_has_each_sentence_as_soon_as_it_is_there_and_then_the_whole(engine, num_beams):
    texts = [*TEXTS[:3], "42\n"]
    items = [TranslationInput(text=text) for text in texts]
    whole = await predict(engine, TRANSLATOR, items, TranslationParameters(num_beams=num_beams))
    found = [one async for one in streaming(engine, *texts, num_beams=num_beams)]
    pieces = [one.outputs[0] for one in found]
    for item, expected in enumerate(whole.outputs):
        own = [one for one in pieces if one.item == item]
        assert "".join(one.text for one in own) == expected.translation_text
        assert [one.output for one in own] == [None] * (len(own) - 1) + [expected]
        assert len(own) >= max(1, expected.sentences) + 1
    assert [one.item for one in pieces] == sorted(one.item for one in pieces)
    assert found[-1].timing.rows == sum(one.sentences for one in whole.outputs)


async def test_a_long_text_begins_to_come_long_before_its_end_and_who_leaves_ends_the_rest(engine):
    stepper = model_of(engine).stepper
    long = "This is a sentence of some words. " * 300
    async with aclosing(streaming(engine, long)) as stream:
        first = await anext(stream)
        assert first.outputs[0].text
        assert stepper.queue_size > 200
    await asyncio.to_thread(eventually, lambda: stepper.num_in_flight == 0)
    assert stepper.queue_size == 0


async def test_a_stream_that_is_too_late_ends_with_the_reason(engine, monkeypatch):
    run = OnnxSequenceDecoder.run
    monkeypatch.setattr(OnnxSequenceDecoder, "run", lambda *given: sleep(0.02) or run(*given))
    asked = asking(engine, TRANSLATOR, [TranslationInput(text="One. Two.")], TranslationParameters(), within_s=0.3)
    with pytest.raises(DeadlineExceeded):
        [_ async for _ in engine.stream(asked)]
    assert model_of(engine).stepper.queue_size == 0


async def test_searches_are_answered_in_company_as_they_are_alone(engine):
    def found(text: str, number: int) -> str:
        view, parameters = TextTranslation(model_of(engine).loaded.kernel), TranslationParameters(num_beams=number)
        return predict_alone(view, sessions(), TranslationInput(text=text), parameters).translation_text

    async def asked(text: str, number: int) -> str:
        item, parameters = TranslationInput(text=text), TranslationParameters(num_beams=number)
        return (await predict(engine, TRANSLATOR, [item], parameters)).outputs[0].translation_text

    each = [(text, 1 + i % 4) for i, text in enumerate(TEXTS)]
    assert await asyncio.gather(*(asked(*one) for one in each)) == [found(*one) for one in each]


async def test_more_beams_than_there_are_rows_are_refused_at_once(engine):
    with pytest.raises(InvalidInput, match="no more than 4 rows at a time") as refused:
        await predict(engine, TRANSLATOR, [TranslationInput(text="One.")], TranslationParameters(num_beams=5))
    assert refused.value.details[0]["loc"] == ["parameters", "num_beams"]


async def test_a_model_whose_own_search_has_more_beams_than_rows_is_not_loaded(tmp_path):
    publish_translator(tmp_path / "models", tmp_path / "scratch", num_beams=5)
    engine = near_engine(tmp_path / "models")
    await engine.load()
    try:
        assert "each answer has 5 beams" in str(engine.status(TRANSLATOR).models[0].versions[0])
    finally:
        await engine.stop()


async def test_a_request_that_cannot_be_answered_in_time_is_refused_before_any_of_it_waits(engine, monkeypatch):
    stepper = model_of(engine).stepper
    steps: list[object] = []
    monkeypatch.setattr(OnnxSequenceDecoder, "begin_all", lambda *given: steps.append(given))
    sentences = ["A sentence of some words, and of some more."] * 2000
    with pytest.raises(DeadlineExceeded, match="alone"):
        await translate(engine, *sentences, within_s=1.0)
    assert (steps, stepper.queue_size, stepper.num_in_flight) == ([], 0, 0)


async def test_one_sentence_is_not_kept_waiting_by_the_many_of_another_caller(engine):
    long = "This is a sentence of some words. " * MOST_WAITING
    many = asyncio.create_task(translate(engine, long, caller="many", within_s=6000))
    await asyncio.to_thread(eventually, lambda: model_of(engine).stepper.queue_size > MOST_WAITING - 500)
    assert await translate(engine, TEXTS[1], caller="one") == [alone(engine, TEXTS[1])]
    with pytest.raises(Overloaded, match="are waiting"):
        await translate(engine, "One. " * 700, caller="many", within_s=6000)
    assert model_of(engine).stepper.queue_size > MOST_WAITING - 700
    many.cancel()
    await asyncio.gather(many, return_exceptions=True)


async def test_golden_examples_are_checked_when_it_is_loaded(tmp_path):
    wrong = Golden(input={"text": "One."}, output={"translation_text": "?", "sentences": 1, "is_complete": True})
    publish_translator(tmp_path / "models", tmp_path / "scratch", golden=(wrong,))
    engine = near_engine(tmp_path / "models")
    await engine.load()
    try:
        assert "golden example 0" in str(engine.status(TRANSLATOR).models[0].versions[0])
    finally:
        await engine.stop()
