"""A summary that another model writes, in an engine and over HTTP: tiny models, whose text is noise."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import asking, near_engine, predict
from starlette.testclient import TestClient
from tiny_summarizer import NAME, TEXT, publish_summarizer
from tiny_writer import WRITER, publish_writer, serving

from app.errors import DeadlineExceeded, InvalidInput, ModelNotReady
from app.serving.generator import TextGenerator
from app.serving.local import LocalEngine
from app.tasks.abstractive import WrittenSummary
from app.tasks.summary_schema import ArticleInput, SummarizationParameters

pytestmark = pytest.mark.anyio

WRITE = SummarizationParameters(mode="abstractive")


def engine_of(models: Path) -> LocalEngine:
    return near_engine(models)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    publish_writer(tmp_path / "models", tmp_path / "writer")
    publish_summarizer(tmp_path / "models", tmp_path / "summarizer", writer=WRITER)
    return tmp_path / "models"


async def test_noise_that_a_writer_writes_gives_way_to_sentences_of_the_text(root: Path) -> None:
    engine = engine_of(root)
    await engine.load()
    try:
        prediction = await predict(engine, NAME, [ArticleInput(text=TEXT)] * 2, WRITE)
        extractive = await predict(engine, NAME, [ArticleInput(text=TEXT)], SummarizationParameters())
        assert engine.status(WRITER).models[0].versions[0].statistics is not None
    finally:
        await engine.stop()
    assert all(isinstance(one, WrittenSummary) for one in prediction.outputs)
    assert [one.fallback for one in prediction.outputs] == ["extractive"] * 2
    assert [one.summary_text for one in prediction.outputs] == [extractive.outputs[0].summary_text] * 2
    steps = dict(prediction.steps)
    assert [*steps] == [NAME, WRITER]
    assert steps[WRITER].inference_s > 0
    assert prediction.timing.inference_s == pytest.approx(sum(one.inference_s for one in steps.values()))


async def test_an_admitted_summary_is_written_while_the_service_stops(root: Path) -> None:
    engine = engine_of(root)
    await engine.load()
    going = asyncio.create_task(engine.predict(asking(engine, NAME, [ArticleInput(text=TEXT)], WRITE)))
    await asyncio.sleep(0)
    await engine.stop()
    assert (await going).outputs[0].fallback == "extractive"


async def test_one_deadline_holds_for_all_that_is_asked(root: Path) -> None:
    engine = engine_of(root)
    await engine.load()
    try:
        with pytest.raises(DeadlineExceeded):
            await predict(engine, NAME, [ArticleInput(text=TEXT)], WRITE, within_s=1e-4)
    finally:
        await engine.stop()


async def test_nothing_goes_on_when_the_caller_goes(root: Path) -> None:
    engine = engine_of(root)
    await engine.load()
    try:
        going = asyncio.create_task(engine.predict(asking(engine, NAME, [ArticleInput(text=TEXT)] * 3, WRITE)))
        writer = engine.live(WRITER)
        assert isinstance(writer, TextGenerator)
        stepper = writer.stepper
        async with asyncio.timeout(20):
            while not stepper.num_in_flight:  # noqa: ASYNC110 (it tells nobody)
                await asyncio.sleep(0.001)
            going.cancel()
            with pytest.raises(asyncio.CancelledError):
                await going
            while stepper.num_in_flight:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    finally:
        await engine.stop()


async def test_the_item_that_is_at_fault_is_named(root: Path) -> None:
    engine = engine_of(root)
    await engine.load()
    try:
        items = [ArticleInput(text=TEXT), ArticleInput(text=" ")]
        with pytest.raises(InvalidInput) as empty:
            await predict(engine, NAME, items, WRITE)
        with pytest.raises(InvalidInput, match=f"{WRITER}, which is to write the summary, does not take") as long:
            await predict(engine, NAME, [ArticleInput(text=TEXT * 9)], WRITE)
    finally:
        await engine.stop()
    assert empty.value.details[0]["loc"] == ["inputs", 1, "text"]
    assert long.value.details[0]["loc"] == ["inputs", 0, "text"]


@pytest.mark.parametrize("is_known", [True, False], ids=["unloaded", "unknown"])
async def test_a_writer_that_cannot_answer_is_named(root: Path, tmp_path: Path, is_known: bool) -> None:
    if not is_known:
        publish_summarizer(root, tmp_path / "other", writer="nobody")
    engine = engine_of(root)
    await engine.load()
    try:
        await engine.unload(WRITER)
        with pytest.raises(ModelNotReady, match=f"asks {WRITER if is_known else 'nobody'}, which cannot answer"):
            await predict(engine, NAME, [ArticleInput(text=TEXT)], WRITE)
        plain = await predict(engine, NAME, [ArticleInput(text=TEXT)], SummarizationParameters())
        assert plain.outputs[0].summary_text
    finally:
        await engine.stop()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    models, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_writer(models, scratch / "writer")
    publish_summarizer(models, scratch / "summarizer", writer=WRITER)
    with serving(models) as client:
        yield client


def test_a_written_summary_is_labelled_in_each_dialect(client: TestClient) -> None:
    asked = {"inputs": [TEXT], "parameters": {"mode": "abstractive"}}
    native = client.post(f"/v1/models/{NAME}/predict", json=asked)
    assert native.status_code == 200, native.text
    (output,) = native.json()["outputs"]
    assert (output["generated"], output["verified"], output["fallback"]) == (True, False, "extractive")
    assert output["sentences"][0].keys() == {"text", "generated", "support", "unsupported", "replaces"}
    assert f"{WRITER};dur=" in native.headers["server-timing"]
    for parameters in ({"mode": "abstractive"}, {"generate_parameters": {"mode": "abstractive"}}):
        hf = client.post(f"/hf/models/{NAME}", json={"inputs": TEXT, "parameters": parameters})
        assert hf.json() == [output], hf.text


def test_an_extractive_answer_has_its_own_form(client: TestClient) -> None:
    for parameters in ({}, {"mode": "extractive"}):
        answer = client.post(f"/v1/models/{NAME}/predict", json={"inputs": [TEXT], "parameters": parameters})
        (output,) = answer.json()["outputs"]
        assert output.keys() == {"summary_text", "sentences"}
        assert output["sentences"][0].keys() == {"text", "start", "end", "score"}


def test_why_a_sentence_was_written_cannot_be_said(client: TestClient) -> None:
    asked = {"inputs": [TEXT], "parameters": {"mode": "abstractive"}}
    answer = client.post(f"/v1/models/{NAME}/explain", json=asked)
    assert (answer.status_code, answer.json()["details"][0]["loc"]) == (422, ["parameters", "mode"])
