"""Items of a request before and after the batch, through the engine."""

import asyncio
import threading
from io import BytesIO
from typing import Any

import pytest
from conftest import publish_sentiment
from engines import predict, run
from graphs import publish_brightness
from PIL import Image

from app.errors import InvalidInput, PayloadTooLarge
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.items import Items, Pools
from app.serving.local import LocalEngine
from app.serving.pool import Pool
from app.serving.scheduler import Turn
from app.tasks.explanations.image import ImageExplanation, ImageExplanationParameters
from app.tasks.image_classification import (
    ImageClassificationConfig,
    ImageClassificationKernel,
    ImageClassificationParameters,
)
from app.tasks.image_input import ImageInput
from app.tasks.text_classification import TextClassificationParameters, TextInput
from app.tasks.view import Needs
from app.telemetry import Telemetry


def picture(width: int, height: int, colour: str = "red", format: str = "PNG") -> ImageInput:
    file = BytesIO()
    Image.new("RGB", (width, height), colour).save(file, format)
    return ImageInput(image=file.getvalue())


@pytest.fixture
def engine(models_dir, tmp_path) -> LocalEngine:
    publish_brightness(models_dir, tmp_path)
    options = RuntimeOptions(device="cpu", threads=2)
    return LocalEngine(ModelRepository(models_dir), Telemetry(), options=options, max_pixels=100_000)


async def see(engine: LocalEngine, *pictures: ImageInput, caller: str = "") -> list[str]:
    parameters = ImageClassificationParameters()
    prediction = await predict(engine, "brightness", pictures, parameters, caller=caller)
    return [labels[0].label for labels in prediction.outputs]


def test_pictures_of_many_callers_are_answered_in_their_order(engine):
    async def asking() -> list[list[str]]:
        colours = ["red", "green", "blue"] * 10
        asked = [picture(20 + i, 30, colour) for i, colour in enumerate(colours)]
        return await asyncio.gather(*(see(engine, *asked[i:], caller=str(i)) for i in range(3)))

    colours = ["red", "green", "blue"] * 10
    colours = [{"green": "green"}.get(one, one) for one in colours]
    assert run(engine, asking) == [colours[i:] for i in range(3)]


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_all_pixels_of_a_request_are_counted_by_the_headers_before_one_is_decoded(engine, format):
    whole = picture(200, 200, format=format)
    # Nobody looks so far; but the whole of a WebP must be there to find its header.
    cut = whole if format == "WEBP" else ImageInput(image=whole.image[: len(whole.image) * 3 // 4])

    async def asking() -> None:
        with pytest.raises(PayloadTooLarge, match=r"120,000 pixels, and those of a request may have 100,000") as error:
            await see(engine, cut, cut, whole)
        assert error.value.details[0]["loc"] == ["inputs", 2]
        parameters = ImageExplanationParameters()
        with pytest.raises(PayloadTooLarge):
            await predict(engine, "brightness", [whole] * 3, parameters, view="explanation")
        assert await see(engine, whole, whole) == ["red", "red"]

    run(engine, asking)


def test_of_several_bad_pictures_the_first_is_named(engine):
    bad = ImageInput(image=b"\x89PNG\r\n\x1a\n nothing")

    async def asking() -> None:
        for _ in range(5):
            with pytest.raises(InvalidInput) as error:
                await see(engine, picture(20, 20), bad, picture(20, 20), bad)
            assert error.value.details[0]["loc"] == ["inputs", 1, "image"]

    run(engine, asking)


def test_many_texts_are_answered_in_their_order_and_the_first_fault_is_named(models_dir, tmp_path):
    publish_sentiment(models_dir, tmp_path / "more", name="more")
    engine = LocalEngine(ModelRepository(models_dir), Telemetry(), options=RuntimeOptions(device="cpu", threads=2))

    async def asking() -> None:
        texts = ["good", "bad"] * 100

        async def ask(texts: list[str]) -> Any:
            items = [TextInput(text=text) for text in texts]
            return await predict(engine, "more", items, TextClassificationParameters())

        answer = await ask(texts)
        labels = [{"good": "positive", "bad": "negative"}[text] for text in texts]
        assert [output[0].label for output in answer.outputs] == labels
        texts[150] = texts[37] = " "
        with pytest.raises(InvalidInput) as error:
            await ask(texts)
        assert error.value.details == [{"loc": ["inputs", 37, "text"], "msg": "the text is empty"}]

    run(engine, asking)


def test_headers_of_pictures_to_be_explained_wait_for_what_somebody_waits_for(tmp_path):
    (tmp_path / "labels.json").write_text('["red", "green", "blue"]')
    config = ImageClassificationConfig(labels="labels", image_size=24)
    kernel, read = ImageClassificationKernel(config, {"labels": tmp_path / "labels.json"}), list[str]()

    class Explained(ImageExplanation):
        def needs(self, item: ImageInput) -> Needs:
            read.append("to be explained")
            return super().needs(item)

    async def asking(pool: Pool) -> None:
        begun, go = threading.Event(), threading.Event()

        def busy(_: Any) -> bool:
            begun.set()
            return go.wait(10)

        items = Items("brightness", Pools(pool, pool), max_rows=1000, max_pixels=10_000, refused=lambda *_: None)
        many = asyncio.create_task(pool.map(busy, [1], [1.0], caller="many"))
        await asyncio.to_thread(begun.wait, 10)
        parameters = ImageExplanationParameters()
        turn = Turn(asyncio.get_running_loop().time() + 20, ImageExplanation.priority, "few")
        explained = asyncio.create_task(items.prepare(Explained(kernel), [picture(24, 24)], parameters, turn))
        await asyncio.sleep(0)
        # What somebody waits for is done at once, by the thread that would have read the headers.
        await pool.map(read.append, ["now"], [0.0], caller="few")
        go.set()
        await asyncio.gather(many, explained)

    pool = Pool(1, "test")
    try:
        asyncio.run(asyncio.wait_for(asking(pool), 30))
    finally:
        pool.close()
    assert read == ["now", "to be explained"]
