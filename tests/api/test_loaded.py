"""The steps that dialects share in telling of models and loading them."""

import pytest
from conftest import publish_sentiment
from engines import far_engine, run
from tiny_writer import ALIAS, WRITER, publish_writer

from app.api.loaded import by_alias, is_ready, load_newest, status_of
from app.errors import InvalidArtifact, ModelNotFound
from app.repository.manifest import Golden

NAME = "tiny-sentiment"


def test_what_is_loaded_is_told_and_answers(engine):
    async def ask():
        status = await load_newest(engine, NAME)
        return status.versions[0].state, is_ready(engine, NAME), is_ready(engine, NAME, 1)

    assert run(engine, ask) == ("ready", True, True)


def test_a_newer_version_that_fails_its_checks_is_told_with_the_one_that_stays(engine, models_dir, tmp_path):
    async def ask():
        wrong = (Golden(input={"text": "good"}, output=[{"label": "positive", "score": 0.1}]),)
        publish_sentiment(models_dir, tmp_path / "second", golden=wrong)
        with pytest.raises(InvalidArtifact, match=r"version 2 is not served: .*; version 1 stays live"):
            await load_newest(engine, NAME)
        return is_ready(engine, NAME)

    assert run(engine, ask)


def test_an_unloaded_model_is_there_and_not_ready(engine):
    async def ask():
        await engine.unload(NAME)
        return status_of(engine, NAME).versions[0].state, is_ready(engine, NAME)

    assert run(engine, ask) == ("unloaded", False)


def test_a_name_that_nobody_has_is_told(engine):
    async def ask():
        with pytest.raises(ModelNotFound, match="nobody"):
            status_of(engine, "nobody")
        with pytest.raises(ModelNotFound, match="nobody"):
            is_ready(engine, "nobody")

    run(engine, ask)


def test_a_model_is_found_by_its_alias(tmp_path):
    publish_writer(tmp_path / "models", tmp_path / "scratch", aliases=[ALIAS])
    engine = far_engine(tmp_path / "models")

    async def ask():
        return by_alias(engine, ALIAS), by_alias(engine, WRITER)

    assert run(engine, ask) == (WRITER, None)  # a name is no alias
