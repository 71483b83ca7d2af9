import asyncio
import shutil
from contextlib import asynccontextmanager

import pytest
from conftest import publish_sentiment, ready
from engines import can_predict
from graphs import publish_features, publish_head
from waiting import eventually

from app.main import build
from app.repository.manifest import Golden
from app.repository.pipeline import PipelineManifest, Step
from app.repository.publish import publish
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.following import follow
from app.serving.local import LocalEngine
from app.settings import Settings
from app.telemetry import Telemetry

OFTEN_S = 0.05
WRONG = (
    Golden(input={"text": "good"}, output=[{"label": "negative", "score": 1.0}, {"label": "positive", "score": 0}]),
)


class Following:
    """An engine that follows a repository, and how often the repository was read."""

    def __init__(self, models_dir):
        self.repository = ModelRepository(models_dir)
        self.engine = LocalEngine(self.repository, Telemetry(), options=RuntimeOptions(device="cpu"))
        self.reads = 0
        self.is_away = False

    def published(self):
        self.reads += 1
        if self.is_away:
            raise OSError("stale file handle")
        return self.repository.published()

    async def a_few_looks(self):
        seen = self.reads
        await eventually_async(lambda: self.reads >= seen + 3)

    def states(self, name):
        return {
            one.version: one.state
            for status in self.engine.status().models
            if status.name == name
            for one in status.versions
        }

    async def until(self, name, states):
        await eventually_async(lambda: self.states(name) == states)


async def eventually_async(condition):
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true in time")


@pytest.fixture
def run(models_dir):
    def run(scenario):
        @asynccontextmanager
        async def following():
            one = Following(models_dir)
            await one.engine.load()
            task = asyncio.create_task(follow(one.published, one.engine, OFTEN_S))
            try:
                yield one
            finally:
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await one.engine.stop()

        async def main():
            async with following() as one:
                await scenario(one)

        asyncio.run(asyncio.wait_for(main(), 60))

    return run


def test_new_models_and_new_versions_are_taken_up(run, models_dir, tmp_path):
    async def scenario(one):
        publish_sentiment(models_dir, tmp_path / "a", name="newcomer")
        publish_sentiment(models_dir, tmp_path / "b")
        await one.until("newcomer", {1: "ready"})
        await one.until("tiny-sentiment", {1: "ready", 2: "ready"})
        assert one.engine.find("tiny-sentiment").manifest.version == 2

    run(scenario)


def test_a_version_that_failed_is_not_tried_again(run, models_dir, tmp_path, caplog):
    async def scenario(one):
        publish_sentiment(models_dir, tmp_path / "a", golden=WRONG)
        await one.until("tiny-sentiment", {1: "ready", 2: "failed"})
        await one.a_few_looks()

    run(scenario)
    assert caplog.text.count("has a new version") <= 1  # the log says so at INFO
    assert caplog.text.count("version 2 is not served") == 1


def test_what_is_gone_or_cannot_be_read_stays_loaded_and_following_goes_on(run, models_dir, tmp_path):
    async def scenario(one):
        one.is_away = True
        await one.a_few_looks()
        one.is_away = False
        shutil.rmtree(models_dir / "tiny-sentiment")
        await one.a_few_looks()
        assert can_predict(one.engine, "tiny-sentiment")
        publish_sentiment(models_dir, tmp_path / "a", name="newcomer")
        await one.until("newcomer", {1: "ready"})

    run(scenario)


def test_what_was_unloaded_on_request_stays_so_until_there_is_a_new_version(run, models_dir, tmp_path):
    async def scenario(one):
        await one.engine.unload("tiny-sentiment")
        await one.a_few_looks()
        assert one.states("tiny-sentiment") == {1: "unloaded"}
        publish_sentiment(models_dir, tmp_path / "a")
        await one.until("tiny-sentiment", {1: "ready", 2: "ready"})

    run(scenario)


@pytest.mark.parametrize("follow_s", [0.0, 0.05])
def test_the_service_follows_if_it_is_set_to(models_dir, tmp_path, follow_s):
    application, _ = build(Settings(models_dir=models_dir, device="cpu", follow_s=follow_s))
    with ready(application) as client:
        publish_sentiment(models_dir, tmp_path / "a", name="newcomer")
        ask = "/v1/models/newcomer/predict"
        if follow_s:
            eventually(lambda: client.post(ask, json={"inputs": ["good"]}).status_code == 200)
        else:
            assert client.post(ask, json={"inputs": ["good"]}).status_code == 404


def test_a_version_that_could_not_be_read_is_tried_again(run, models_dir, tmp_path, monkeypatch):
    async def scenario(following):
        with monkeypatch.context() as broken:

            def fails(manifest):
                raise OSError("input/output error")

            broken.setattr(following.repository, "verify", fails)
            publish_sentiment(models_dir, tmp_path / "second")
            await following.until("tiny-sentiment", {1: "ready", 2: "failed"})
            await following.a_few_looks()
            assert can_predict(following.engine, "tiny-sentiment")
        await following.until("tiny-sentiment", {1: "ready", 2: "ready"})

    run(scenario)


def test_a_pipeline_comes_alive_once_its_steps_are_there_and_the_log_is_told_once_what_it_lacks(
    run, models_dir, tmp_path, caplog
):
    caplog.set_level("INFO")

    async def scenario(following):
        publish_features(models_dir, tmp_path)
        steps = (
            Step(name="sees", model="photo-features", version=1, task="image-feature-extraction"),
            Step(name="says", model="head", version=1, task="tensors", inputs={"features": "sees"}),
        )
        publish(models_dir, "quality", {}, kind=PipelineManifest, steps=steps)
        await following.until("quality", {1: "failed"})
        await following.a_few_looks()
        for line in ("quality has a version that is new", "quality version 1 is not served"):
            assert caplog.text.count(line) == 1
        publish_head(models_dir, tmp_path)
        await following.until("quality", {1: "ready"})

    run(scenario)
