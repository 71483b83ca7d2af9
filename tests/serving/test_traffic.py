"""Rules on traffic over real versions: who answers whom, through changes, restarts, faults and other processes."""

import asyncio
import json
import shutil

import numpy as np
import pytest
from engines import FarEngine, infer
from graphs import copied
from held_loads import gate
from test_bad_versions import broken_file
from versions_that_tell import NAME, ask, asked, publish_telling, said_by, traffic_engine, until

from app.errors import InvalidArtifact, InvalidInput, ModelNotFound, ModelNotReady, NotWritable
from app.repository.publish import publish
from app.repository.traffic import FILE, CanaryRule, ShadowRule, TrafficRule
from app.serving.engine import Asker
from app.serving.raw import NAME as RAW
from app.telemetry import Telemetry
from app.tensors import TensorSpec

__all__ = ["gate"]

CALLERS = [f"key {i}" for i in range(40)]
OFTEN_S = 0.02


@pytest.fixture
def root(tmp_path):
    publish_telling(tmp_path / "models", tmp_path / "scratch", 3)
    return tmp_path / "models"


@pytest.fixture
def more(root, tmp_path):
    return lambda number=1, **fields: publish_telling(root, tmp_path / "scratch", number, **fields)


def go(engine, scenario):
    async def main():
        await engine.load()
        try:
            return await scenario()
        finally:
            await engine.stop()

    return asyncio.run(asyncio.wait_for(main(), 30))


async def answered(engine, callers=CALLERS):
    return {caller: said_by(await ask(engine, caller)) for caller in callers}


def rule_of(root):
    return json.loads((root / NAME / FILE).read_text())


def test_a_canary_beside_the_version_that_answered_before_it(root):
    engine = traffic_engine(root)

    async def scenario():
        assert set((await answered(engine)).values()) == {3}
        await engine.divide(NAME, canary=CanaryRule(version=3, share=0.5))
        first = await answered(engine)
        assert set(first.values()) == {2, 3}
        assert first == await answered(engine)
        assert said_by(await ask(engine, CALLERS[0], version=3)) == 3
        figures = {one.role: one for one in engine.traffic(NAME).figures}
        of_canary = sum(version == 3 for version in first.values())
        assert (figures["canary"].requests, figures["default"].requests) == (2 * of_canary, 2 * (40 - of_canary))
        assert figures["canary"].seconds.keys() == {50, 95, 99}
        return engine.traffic(NAME).default

    assert go(engine, scenario) == 2
    assert rule_of(root) == {"default": 2, "canary": {"version": 3, "share": 0.5, "by": "caller"}}


def test_a_trial_ends_by_one_call_and_the_default_stays(root, more):
    engine = traffic_engine(root)

    async def scenario():
        await engine.divide(NAME, canary=CanaryRule(version=3, share=1.0))
        assert set((await answered(engine)).values()) == {3}
        await engine.divide(NAME)
        assert set((await answered(engine)).values()) == {2}
        more()
        await engine.load(NAME)  # a newer version comes, and does not take over
        assert set((await answered(engine)).values()) == {2}
        await engine.divide(NAME, "newest")
        return set((await answered(engine)).values())

    assert go(engine, scenario) == {4}
    assert not (root / NAME / FILE).exists()


def test_a_version_that_took_over_is_taken_back_though_it_is_the_newest(root):
    engine = traffic_engine(root, keep_versions=1)

    async def scenario():
        await engine.divide(NAME, 1)  # which was not even loaded
        return set((await answered(engine)).values())

    assert go(engine, scenario) == {1}


def test_without_a_rule_nothing_is_kept_and_ending_none_changes_nothing(root, more):
    engine = traffic_engine(root)

    async def scenario():
        await engine.divide(NAME)
        await engine.divide(NAME, "newest")
        more()
        await engine.load(NAME)
        return set((await answered(engine)).values()), engine.traffic(NAME).rule

    assert go(engine, scenario) == ({4}, None)


def test_a_rule_survives_a_restart_and_its_default_is_loaded_before_newer_ones(root, more):
    engine = traffic_engine(root)
    go(engine, lambda: engine.divide(NAME, 1, CanaryRule(version=3, share=0.5)))
    more(2)
    again, seen = traffic_engine(root, keep_versions=1), set()

    async def scenario():
        return await answered(again)

    async def watch():
        loading = asyncio.create_task(again.load())
        while not loading.done():
            await asyncio.sleep(0.001)
            try:
                seen.add(again.find(NAME).manifest.version)
            except (ModelNotFound, ModelNotReady):
                continue
        await loading
        return await answered(again)

    assert set(asyncio.run(watch()).values()) == {1, 3}
    assert seen == {1}


def test_a_model_is_not_ready_while_its_default_is_being_loaded_and_nothing_answers_in_its_place(root, gate):
    (root / NAME / FILE).write_text('{"default": 1}')
    gate.names = ["/1/"]
    engine = traffic_engine(root, turn_s=0.1, suspense_s=30.0)

    async def main():
        loading = asyncio.create_task(engine.load())
        await until(lambda: states(engine).get(3) == "ready")
        assert states(engine)[1] == "loading"
        assert not engine.status().is_ready
        with pytest.raises(ModelNotReady):
            engine.find(NAME)
        assert said_by(await ask(engine, version=3)) == 3
        gate.event.set()
        await loading
        assert engine.status().is_ready
        version = said_by(await ask(engine))
        await engine.stop()
        return version

    assert asyncio.run(asyncio.wait_for(main(), 30)) == 1


def states(engine):
    return {one.version: one.state for model in engine.status().models for one in model.versions}


def test_another_process_takes_a_rule_up_and_loads_what_it_names_first(root):
    one, other = traffic_engine(root), traffic_engine(root, keep_versions=1)

    async def scenario():
        await other.load()
        following = asyncio.create_task(other.follow(OFTEN_S))
        await one.divide(NAME, 2, CanaryRule(version=1, share=0.5))
        await until(lambda: other.traffic(NAME).rule is not None)
        assert await answered(one) == await answered(other)  # each caller is on the same side everywhere
        await one.divide(NAME, 3)
        await until(lambda: other.traffic(NAME).rule == TrafficRule(default=3))
        await one.divide(NAME, "newest")
        await until(lambda: other.traffic(NAME).rule is None)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await other.stop()

    go(one, scenario)


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

    assert go(engine, scenario) == {2}


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

    go(engine, scenario)


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

    go(engine, scenario)


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

    assert go(engine, scenario) == [2, 2]


def test_if_the_default_is_gone_the_one_before_it_answers_and_nothing_newer(root, more):
    more()
    engine = traffic_engine(root, keep_versions=4)

    async def scenario():
        await engine.divide(NAME, 3)
        shutil.rmtree(root / NAME / "3")
        await engine.load(NAME)
        return set((await answered(engine)).values())

    assert go(engine, scenario) == {2}


def test_of_two_who_change_a_rule_at_once_the_last_wins_whole(root):
    engine = traffic_engine(root)
    rules = [
        {"default": 1, "canary": CanaryRule(version=2, share=0.25)},
        {"default": 3, "shadow": ShadowRule(version=1)},
    ]

    async def scenario():
        for _ in range(5):
            await asyncio.gather(*(engine.divide(NAME, **one) for one in rules))
            assert engine.traffic(NAME).rule in [TrafficRule(**one) for one in rules]
            assert TrafficRule.model_validate(rule_of(root)) == engine.traffic(NAME).rule

    go(engine, scenario)


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

    go(engine, scenario)
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

    assert go(engine, scenario) == {3}


def test_a_shadow_that_takes_other_inputs_is_refused_and_a_canary_answers_what_was_read_for_it(root, tmp_path):
    tensor = {"datatype": "FP32", "shape": (-1, 2)}
    publish(
        root, NAME, {"model.onnx": copied(tmp_path / "copied.onnx", "FP32")},
        task="tensors", runtime="onnx", graphs={"model": "model.onnx"},
        inputs=(TensorSpec(name="in_FP32", **tensor),), outputs=(TensorSpec(name="out_FP32", **tensor),),
        config={
            "inputs": [{"name": "in_FP32", **tensor}], "outputs": [{"name": "out_FP32", **tensor}], "batched": True,
        },
    )  # fmt: skip
    engine = traffic_engine(root)

    async def scenario():
        with pytest.raises(InvalidInput, match="takes other inputs"):
            await engine.divide(NAME, 3, shadow=ShadowRule(version=4))
        await engine.divide(NAME, 3, CanaryRule(version=4, share=0.5))
        found = {engine.find(NAME, None, Asker(caller, "")).manifest.task for caller in CALLERS}
        assert found == {"text-classification", "tensors"}
        item, chosen = {"in_FP32": np.ones((1, 2), np.float32)}, 4
        return (await infer(engine, NAME, item, read_for=engine.find(NAME, 4).forms[RAW], chosen=chosen)).version

    assert go(engine, scenario) == 4


def test_a_model_that_is_alone_has_no_canary_and_an_unknown_one_no_rule(tmp_path):
    publish_telling(tmp_path / "models", tmp_path / "scratch", 1)
    engine = traffic_engine(tmp_path / "models")

    async def scenario():
        with pytest.raises(InvalidInput, match="no other version of tiny-sentiment is live"):
            await engine.divide(NAME, canary=CanaryRule(version=1, share=0.1))
        with pytest.raises(ModelNotFound):
            await engine.divide("nobody", 1)

    go(engine, scenario)


def test_what_chooses_by_an_asker_can_be_far_away(root):
    engine = traffic_engine(root)

    async def scenario():
        await engine.divide(NAME, canary=CanaryRule(version=3, share=0.5))
        return await answered(FarEngine(engine)) == await answered(engine)

    assert go(engine, scenario)
