import asyncio

import pytest

from app.errors import ModelNotReady
from app.repository.pipeline import PipelineManifest, Step
from app.serving.in_flight import InFlight

STEPS = [
    Step(name="sees", model="photo-features", version=1, task="image-feature-extraction"),
    Step(name="says", model="head", version=1, task="tensors", inputs={"features": "sees"}),
]


def test_what_drains_waits_for_those_inside_and_lets_nobody_in():
    async def main() -> None:
        in_flight = InFlight(PipelineManifest(name="quality", version=3, steps=tuple(STEPS)))
        with in_flight:
            with in_flight:
                draining = asyncio.ensure_future(in_flight.drain())
                await asyncio.sleep(0)
            with pytest.raises(ModelNotReady, match="quality version 3 is being unloaded"), in_flight:
                pass
            assert not draining.done()
        await asyncio.wait_for(draining, 10)

    asyncio.run(main())


def test_whoever_fails_inside_is_no_longer_there():
    async def main() -> None:
        in_flight = InFlight(PipelineManifest(name="quality", version=3, steps=tuple(STEPS)))
        with pytest.raises(ValueError, match="wrong"), in_flight:
            raise ValueError("wrong")
        await asyncio.wait_for(in_flight.drain(), 10)

    asyncio.run(main())
