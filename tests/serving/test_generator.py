"""A version that writes text, in an engine: whole, in pieces, for several items; and when it has to go."""

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from dying import dead_are_told
from engines import asking, near_engine, predict
from tiny_writer import WRITER, publish_writer

from app.errors import InvalidInput, ModelNotReady
from app.repository.manifest import Golden
from app.serving.generator import TextGenerator
from app.serving.local import LocalEngine
from app.tasks.generation_schema import Generation, GenerationInput, GenerationParameters

__all__ = ["dead_are_told"]
pytestmark = [
    pytest.mark.anyio,
    # One test ends a thread, and that may be told later.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

MANY = 200  # tokens: more than are written while a test looks away


def engine_of(models: Path) -> LocalEngine:
    return near_engine(models)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[LocalEngine]:
    publish_writer(tmp_path / "models", tmp_path / "scratch")
    engine = engine_of(tmp_path / "models")
    await engine.load()
    yield engine
    await engine.stop()


def texts(*texts: str) -> list[GenerationInput]:
    return [GenerationInput(text=text) for text in texts]


def generator_of(engine: LocalEngine) -> TextGenerator:
    live = engine.live(WRITER)
    assert isinstance(live, TextGenerator)
    return live


async def until_idle(generator: TextGenerator) -> None:
    async with asyncio.timeout(20):
        while generator.stepper.num_in_flight:  # noqa: ASYNC110 (it tells nobody)
            await asyncio.sleep(0.001)


async def pieces_of(engine: LocalEngine, items: list[GenerationInput], **parameters: Any) -> dict[int, list[Any]]:
    pieces: dict[int, list[Any]] = {}
    async with aclosing(engine.stream(asking(engine, WRITER, items, GenerationParameters(**parameters)))) as stream:
        async for prediction in stream:
            assert (prediction.model, prediction.version) == (WRITER, 1)
            (piece,) = prediction.outputs
            pieces.setdefault(piece.item, []).append(piece)
    return pieces


@pytest.mark.parametrize("parameters", [{}, {"top_logprobs": 2}, {"temperature": 1.5, "seed": 3}, {"stop": ["q"]}])
async def test_a_whole_answer_is_the_pieces_of_its_stream(engine, parameters):
    parameters = {"max_new_tokens": 40, **parameters}
    [whole] = (await predict(engine, WRITER, texts("abc"), GenerationParameters(**parameters))).outputs
    (pieces,) = (await pieces_of(engine, texts("abc"), **parameters)).values()
    assert isinstance(whole, Generation)
    assert "".join(piece.text for piece in pieces) == whole.generated_text
    assert [token for piece in pieces for token in piece.tokens or ()] == (whole.tokens or [])
    assert [piece.finish_reason for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    last = pieces[-1]
    assert (last.finish_reason, last.stop_reason) == (whole.finish_reason, whole.stop_reason)
    assert (last.prompt_tokens, last.generated_tokens) == (whole.prompt_tokens, whole.generated_tokens)


async def test_items_of_a_request_are_answered_as_each_would_be_alone(engine):
    alone = [(await predict(engine, WRITER, texts(one), GenerationParameters())).outputs[0] for one in "abcdef"]
    together = (await predict(engine, WRITER, texts(*"abcdef"), GenerationParameters())).outputs
    assert [one.generated_text for one in together] == [one.generated_text for one in alone]
    pieces = await pieces_of(engine, texts(*"abcdef"))
    assert ["".join(p.text for p in pieces[i]) for i in range(6)] == [one.generated_text for one in alone]


async def test_a_form_that_one_answer_must_have_is_forgotten_by_the_next_in_its_place(engine):
    free = GenerationParameters(max_new_tokens=20)
    [alone] = (await predict(engine, WRITER, texts("abc"), free)).outputs
    for value in (["yes", "no"], [{"a": 1}], "x"):
        formed = GenerationParameters(grammar={"type": "json_schema", "value": {"const": value}}, max_new_tokens=80)
        [answer] = (await predict(engine, WRITER, texts("abc"), formed)).outputs
        assert json.loads(answer.generated_text) == value
        [after] = (await predict(engine, WRITER, texts("abc"), free)).outputs
        assert after.generated_text == alone.generated_text


async def test_one_item_that_is_refused_refuses_the_request_by_its_place(engine):
    with pytest.raises(InvalidInput) as caught:
        await predict(engine, WRITER, texts("a", "x" * 1000), GenerationParameters())
    assert caught.value.details[0]["loc"] == ["inputs", 1, "text"]
    await until_idle(generator_of(engine))


async def test_answers_are_counted_whole_or_in_pieces_and_so_are_those_that_nobody_waited_for(engine):
    generator = generator_of(engine)
    await predict(engine, WRITER, texts("a", "b"), GenerationParameters())
    await pieces_of(engine, texts("a"))
    with pytest.raises(InvalidInput):
        await predict(engine, WRITER, texts("x" * 1000), GenerationParameters())
    statistics = generator.statistics
    assert (statistics.succeeded.count, statistics.failed.count, statistics.rows) == (2, 1, 3)


async def test_who_closes_a_stream_frees_its_place(engine):
    generator = generator_of(engine)
    ask = asking(engine, WRITER, texts("a"), GenerationParameters(max_new_tokens=MANY, ignore_eos=True))
    async with aclosing(engine.stream(ask)) as stream:
        await anext(stream)
        assert generator.stepper.num_in_flight == 1
    await until_idle(generator)
    assert generator.stepper.queue_size == 0
    await generator.drain()  # nothing is left of it that could be waited for


async def test_a_stream_goes_on_while_its_version_is_unloaded_and_no_other_begins(engine):
    ask = asking(engine, WRITER, texts("a"), GenerationParameters(max_new_tokens=MANY, ignore_eos=True))
    generator = generator_of(engine)
    async with aclosing(engine.stream(ask)) as stream:
        await anext(stream)
        unloading = asyncio.create_task(engine.unload(WRITER))
        async with asyncio.timeout(20):
            while generator.is_ready:  # noqa: ASYNC110 (it tells nobody)
                await asyncio.sleep(0)
        with pytest.raises(ModelNotReady):
            await generator.predict(ask)
        last = None
        async for prediction in stream:
            (last,) = prediction.outputs
    assert last is not None
    assert (last.finish_reason, last.generated_tokens) == ("length", MANY)
    await asyncio.wait_for(unloading, 20)
    assert not generator.is_ready


async def test_another_view_is_refused_by_name(engine):
    generator = generator_of(engine)
    ask = asking(engine, WRITER, texts("a"), GenerationParameters())
    with pytest.raises(InvalidInput, match="text-generation"):
        await generator.predict(ask._replace(view="summarization"))


async def test_a_version_is_loaded_if_it_answers_its_golden_examples_and_not_if_others(tmp_path):
    publish_writer(tmp_path / "models", tmp_path / "scratch")
    engine = engine_of(tmp_path / "models")
    await engine.load()
    [answer] = (await predict(engine, WRITER, texts("abc"), GenerationParameters())).outputs
    known = Golden(input={"text": "abc"}, output=answer.model_dump(mode="json"))
    publish_writer(tmp_path / "models", tmp_path / "scratch", golden=(known,))
    await engine.load(WRITER)
    assert engine.find(WRITER).manifest.version == 2
    other = known.model_copy(update={"output": {**known.output, "generated_text": "something else"}})
    publish_writer(tmp_path / "models", tmp_path / "scratch", golden=(other,))
    await engine.load(WRITER)
    assert engine.find(WRITER).manifest.version == 2
    states = {one.version: (one.state, one.reason) for one in engine.status(WRITER).models[0].versions}
    assert states[3][0] == "failed"
    assert "golden" in states[3][1]
    await engine.stop()


async def test_after_its_thread_died_it_answers_as_before(engine):
    generator = generator_of(engine)
    before = (await predict(engine, WRITER, texts("abc"), GenerationParameters())).outputs
    stepping = generator.loaded.stepping
    assert stepping is not None
    dying, run = stepping.decoder, stepping.decoder.run

    def die(*args: Any) -> Any:
        raise SystemExit

    dying.run = die
    after = (await predict(engine, WRITER, texts("abc"), GenerationParameters())).outputs
    assert stepping.decoder is not dying
    assert [one.generated_text for one in after] == [one.generated_text for one in before]
    dying.run = run


async def test_what_is_unloaded_is_freed_without_the_garbage_collector(tmp_path: Path) -> None:
    """It never looks again at anything that has been live: a circle would keep the decoder and its weights for ever."""
    publish_writer(tmp_path / "models", tmp_path / "scratch")
    engine = engine_of(tmp_path / "models")
    await engine.load()
    await predict(engine, WRITER, texts("abc"), GenerationParameters())
    stepping = generator_of(engine).loaded.stepping
    assert stepping is not None
    decoder = weakref.ref(stepping.decoder)
    del stepping
    gc.collect()
    gc.disable()
    try:
        await engine.unload(WRITER)
        async with asyncio.timeout(20):
            while decoder() is not None:  # noqa: ASYNC110 (it tells nobody)
                await asyncio.sleep(0.001)
    finally:
        gc.enable()
    await engine.stop()
