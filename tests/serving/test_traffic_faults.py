"""Rules on traffic that cannot be, or name what cannot answer: nobody who calls notices."""

import asyncio
import shutil

import numpy as np
import pytest
from conftest import publish_sentiment
from engines import infer, run
from graphs import copied, publish_tensors
from test_bad_versions import broken_file
from versions_that_tell import (
    CALLERS,
    NAME,
    answered,
    asked,
    more,
    publish_telling,
    root,
    said_by,
    traffic_engine,
    until,
)

from app.errors import InvalidArtifact, InvalidInput, ModelNotFound, NotWritable
from app.repository.traffic import FILE, CanaryRule, ShadowRule
from app.serving.engine import Asker
from app.serving.raw import NAME as RAW
from app.telemetry import Telemetry

__all__ = ["more", "root"]


@pytest.mark.parametrize("content", ["{", '{"default": 3, "canary": {"version": 3, "share": 0.5}}'])
def test_a_file_that_makes_no_sense_changes_nothing_and_is_told(root, content, caplog):
    (root / NAME / FILE).write_text(content)
    engine = traffic_engine(root)

    async def scenario():
        assert set((await answered(engine)).values()) == {3}
        assert FILE in engine.traffic(NAME).problem
        await engine.load(NAME)
        assert len([one for one in caplog.records if "as they did before" in one.message]) == 1
        await engine.divide(NAME, 2)  # a new rule takes its place
        assert engine.traffic(NAME).problem == ""
        (root / NAME / FILE).write_text(content)
        await engine.load(NAME)
        return set((await answered(engine)).values())

    assert run(engine, scenario) == {2}


def test_a_canary_that_does_not_come_alive_is_refused_and_nothing_changes(root, more):
    more()
    broken_file(root, 4)
    engine = traffic_engine(root)

    async def scenario():
        await engine.divide(NAME, 3, CanaryRule(version=2, share=0.5))
        before = engine.traffic(NAME).rule
        with pytest.raises(InvalidArtifact, match=r"version 4 is failed: .*; the rule stays as it was"):
            await engine.divide(NAME, canary=CanaryRule(version=4, share=0.5))
        assert engine.traffic(NAME).rule == before
        await engine.divide(NAME)

    run(engine, scenario)


def test_for_a_canary_that_is_gone_the_default_answers_and_that_is_counted(root, caplog):
    telemetry = Telemetry()
    (root / NAME / FILE).write_text('{"default": 2, "canary": {"version": 9, "share": 1.0}}')
    engine = traffic_engine(root, telemetry)

    async def scenario():
        assert set((await answered(engine)).values()) == {2}
        figures = {one.role: one for one in engine.traffic(NAME).figures}
        assert figures["canary"].stood_in == len(CALLERS)
        assert "names version 9, which cannot answer" in caplog.text
        assert b"tessera_traffic_stood_in_total" in telemetry.render()

    run(engine, scenario)


def test_a_question_read_for_a_canary_that_goes_meanwhile_is_answered_by_the_default(root):
    engine = traffic_engine(root, keep_versions=1)

    async def scenario():
        await engine.divide(NAME, 2, CanaryRule(version=1, share=1.0))
        question = asked(engine, "a")
        assert question.chosen == 1
        assert [said_by(piece) async for piece in engine.stream(question)] == [1]
        shutil.rmtree(root / NAME / "1")
        await engine.load(NAME)  # it is withdrawn between the choice and the question
        answers = [said_by(await engine.predict(question)), *[said_by(one) async for one in engine.stream(question)]]
        default, canary = engine.traffic(NAME).figures
        assert (default.requests, canary.stood_in) == (2, 2)
        return answers

    assert run(engine, scenario) == [2, 2]


def test_while_the_disk_is_away_a_rule_goes_on_to_hold(root):
    engine = traffic_engine(root)
    away = root.with_name("away")

    async def scenario():
        await engine.divide(NAME, 2)
        following = asyncio.create_task(engine.follow(0.01))
        root.rename(away)
        await asyncio.sleep(0.2)
        root.mkdir()  # as where a disk is mounted
        await asyncio.sleep(0.2)
        assert engine.traffic(NAME).default == 2
        root.rmdir()
        away.rename(root)
        (root / NAME / FILE).unlink()
        await until(lambda: engine.traffic(NAME).default == 3)
        following.cancel()

    run(engine, scenario)


def test_a_rule_of_a_model_that_is_not_served_here_is_no_error(root, tmp_path, caplog):
    publish_sentiment(root, tmp_path / "other", name="other")
    (root / "other" / FILE).write_text('{"default": 9}')
    engine = traffic_engine(root, only=[NAME])

    async def scenario():
        with pytest.raises(ModelNotFound, match="is not served here"):
            await engine.load("other")
        with pytest.raises(ModelNotFound, match="is not served here"):
            await engine.divide("other", 1)

    run(engine, scenario)
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


def test_if_the_default_is_gone_the_one_before_it_answers_and_nothing_newer(root, more):
    more()
    engine = traffic_engine(root, keep_versions=4)

    async def scenario():
        await engine.divide(NAME, 3)
        shutil.rmtree(root / NAME / "3")
        await engine.load(NAME)
        versions = (await answered(engine)).values()
        (default,) = engine.traffic(NAME).figures
        assert (default.requests, default.stood_in) == (0, len(CALLERS))
        return set(versions)

    assert run(engine, scenario) == {2}


WRONG = [
    ({"default": 9}, ["default"]),
    ({"canary": CanaryRule(version=9, share=0.1)}, ["canary", "version"]),
    ({"shadow": ShadowRule(version=9)}, ["shadow", "version"]),
    ({"default": 3, "canary": CanaryRule(version=3, share=0.1)}, ["canary", "version"]),
    ({"default": 3, "shadow": ShadowRule(version=3)}, ["shadow", "version"]),
    ({"canary": CanaryRule(version=2, share=0.1), "shadow": ShadowRule(version=2)}, ["shadow", "version"]),
    ({"default": "newest", "canary": CanaryRule(version=2, share=0.1)}, ["default"]),
]


def test_what_cannot_be_a_rule_is_refused_where_it_is_wrong(root):
    engine = traffic_engine(root)

    async def scenario():
        for rule, where in WRONG:
            with pytest.raises(InvalidInput) as refused:
                await engine.divide(NAME, **rule)
            assert refused.value.details[0]["loc"] == where, rule
            assert engine.traffic(NAME).rule is None

    run(engine, scenario)
    assert not (root / NAME / FILE).exists()


def test_a_rule_that_cannot_be_kept_does_not_hold(root, monkeypatch):
    engine = traffic_engine(root)

    def full(*args, **kwargs):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("app.repository.traffic.write_whole", full)

    async def scenario():
        with pytest.raises(NotWritable, match="Read-only file system"):
            await engine.divide(NAME, 2)
        return set((await answered(engine)).values())

    assert run(engine, scenario) == {3}


def test_a_shadow_that_takes_other_inputs_is_refused_and_a_canary_answers_what_was_read_for_it(root, tmp_path):
    given, told = ("in_FP32", "FP32", ["n", 2]), ("out_FP32", "FP32", ["n", 2])
    publish_tensors(root, NAME, copied(tmp_path / "copied.onnx", "FP32"), [given], [told])
    engine = traffic_engine(root)

    async def scenario():
        with pytest.raises(InvalidInput, match="takes other inputs"):
            await engine.divide(NAME, 3, shadow=ShadowRule(version=4))
        await engine.divide(NAME, 3, CanaryRule(version=4, share=0.5))
        found = {engine.find(NAME, None, Asker(caller, "")).manifest.task for caller in CALLERS}
        assert found == {"text-classification", "tensors"}
        item, chosen = {"in_FP32": np.ones((1, 2), np.float32)}, 4
        return (await infer(engine, NAME, item, read_for=engine.find(NAME, 4).forms[RAW], chosen=chosen)).version

    assert run(engine, scenario) == 4


def test_a_model_that_is_alone_has_no_canary_and_an_unknown_one_no_rule(tmp_path):
    publish_telling(tmp_path / "models", tmp_path / "scratch", 1)
    engine = traffic_engine(tmp_path / "models")

    async def scenario():
        with pytest.raises(InvalidInput, match="no other version of tiny-sentiment is live"):
            await engine.divide(NAME, canary=CanaryRule(version=1, share=0.1))
        with pytest.raises(ModelNotFound):
            await engine.divide("nobody", 1)

    run(engine, scenario)
