"""Rules on traffic over real versions: who answers whom, through changes, restarts and other processes."""

import asyncio
import json

import pytest
from engines import FarEngine, run
from held_loads import gate
from versions_that_tell import (
    CALLERS,
    NAME,
    answered,
    ask,
    more,
    root,
    said_by,
    traffic_engine,
    until,
)

from app.errors import ModelNotFound, ModelNotReady
from app.repository.traffic import FILE, CanaryRule, ShadowRule, TrafficRule

__all__ = ["gate", "more", "root"]

OFTEN_S = 0.02


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

    assert run(engine, scenario) == 2
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

    assert run(engine, scenario) == {4}
    assert not (root / NAME / FILE).exists()


def test_a_version_that_took_over_is_taken_back_though_it_is_the_newest(root):
    engine = traffic_engine(root, keep_versions=1)

    async def scenario():
        await engine.divide(NAME, 1)  # which was not even loaded
        return set((await answered(engine)).values())

    assert run(engine, scenario) == {1}


def test_without_a_rule_nothing_is_kept_and_ending_none_changes_nothing(root, more):
    engine = traffic_engine(root)

    async def scenario():
        await engine.divide(NAME)
        await engine.divide(NAME, "newest")
        more()
        await engine.load(NAME)
        return set((await answered(engine)).values()), engine.traffic(NAME).rule

    assert run(engine, scenario) == ({4}, None)


def test_a_rule_survives_a_restart_and_its_default_is_loaded_before_newer_ones(root, more):
    engine = traffic_engine(root)
    run(engine, lambda: engine.divide(NAME, 1, CanaryRule(version=3, share=0.5)))
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

    run(one, scenario)


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

    run(engine, scenario)


def test_what_chooses_by_an_asker_can_be_far_away(root):
    engine = traffic_engine(root)

    async def scenario():
        await engine.divide(NAME, canary=CanaryRule(version=3, share=0.5))
        return await answered(FarEngine(engine)) == await answered(engine)

    assert run(engine, scenario)
