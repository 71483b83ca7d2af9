"""A shadow is asked what callers ask, and whatever it does nobody who calls notices."""

import asyncio
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from engines import infer, run, tensors_of
from graphs import counting, publish_tensors, save
from onnx import helper
from versions_that_tell import NAME as TELLING
from versions_that_tell import ask, publish_telling, traffic_engine, until

from app.repository.traffic import ShadowRule
from app.serving.engine import Ask, Prediction
from app.serving.figures import Figures
from app.serving.raw import NAME as RAW
from app.serving.shadowing import MOST_AT_ONCE, Shadowing
from app.serving.split import drawn
from app.telemetry import Telemetry

FOR_EVER = 10**12
COUNTING = "counting"


def publish_two(root: Path, scratch: Path) -> None:
    """Version 1 answers x at once; version 2 answers the same after counting to it, or never."""
    x, y = ("x", "FP32", ["n", 1]), ("y", "FP32", ["n", 1])
    at_once = save(scratch / "copy.onnx", [helper.make_node("Identity", ["x"], ["y"])], [x], [y])
    for graph in (at_once, counting(scratch / "count.onnx")):
        publish_tensors(root, COUNTING, graph, [x], [y])


@pytest.fixture
def root(tmp_path):
    publish_two(tmp_path / "models", tmp_path)
    publish_telling(tmp_path / "models", tmp_path / "scratch", 2)
    return tmp_path / "models"


async def count(engine, to: float, request_id: str = "1") -> Prediction:
    served = engine.find(COUNTING)
    tensors = {"x": np.array([[to]], np.float32)}
    ask = Ask(COUNTING, None, RAW, [tensors], None, 5.0, request_id=request_id, read_for=served.forms[RAW])
    return await engine.predict(ask)


def shadow_of(engine, name=COUNTING):
    return next(one for one in engine.traffic(name).figures if one.role == "shadow")


def test_a_shadow_is_compared_with_what_the_caller_got_and_counts_for_itself(root):
    telemetry = Telemetry()
    engine = traffic_engine(root, telemetry)

    async def scenario():
        await engine.divide(TELLING, 1, shadow=ShadowRule(version=2))
        for i in range(500):
            assert (await ask(engine, "a", str(i))).version == 1
            await until(partial(lambda number: copies(engine, TELLING) == number, i + 1))
            if shadow_of(engine, TELLING).agreement.answers == 3:  # on a busy machine some copies are dropped
                break
        default, shadow = engine.traffic(TELLING).figures
        assert (default.requests, shadow.requests) == (i + 1, 3)
        assert shadow.agreement.disagreed == 3  # its labels have other names
        text = telemetry.render().decode()
        assert 'tessera_shadow_disagreement_total{model="tiny-sentiment",version="2"} 3.0' in text
        assert 'role="shadow",version="2"} 3.0' in text

    run(engine, scenario)


def test_a_shadow_that_hangs_keeps_no_caller_waiting_and_is_asked_no_more_than_a_few_at_a_time(root):
    engine = traffic_engine(root)

    async def scenario():
        await engine.divide(COUNTING, 1, shadow=ShadowRule(version=2))
        for i in range(500):
            assert (await count(engine, FOR_EVER, str(i))).version == 1
            if shadow_of(engine).agreement.dropped.get("busy", 0) == 3:
                break
        default, shadow = engine.traffic(COUNTING).figures
        assert (default.requests, default.failures) == (i + 1, 0)
        assert shadow.agreement.dropped["busy"] == 3
        assert i + 1 - sum(shadow.agreement.dropped.values()) <= MOST_AT_ONCE
        await engine.divide(COUNTING)  # which gives up what the shadow is asked
        return (await count(engine, 1)).version

    assert run(engine, scenario) == 1


def copies(engine, name=COUNTING):
    shadow = shadow_of(engine, name)
    return shadow.agreement.answers + shadow.failures + sum(shadow.agreement.dropped.values())


def test_only_its_share_is_copied_and_no_stream(root):
    engine, share = traffic_engine(root), 0.25
    of_share = [drawn(COUNTING, "shadow", 2, str(i)) < share for i in range(40)]
    assert 4 < sum(of_share) < 16

    async def scenario():
        await engine.divide(COUNTING, 1, shadow=ShadowRule(version=2, share=share))
        for i in range(40):
            await count(engine, 1, str(i))
            await until(partial(lambda number: copies(engine) == number, sum(of_share[: i + 1])))
        served = engine.find(COUNTING)
        tensors = {"x": np.array([[1.0]], np.float32)}
        for i in range(40):
            asked = Ask(COUNTING, None, RAW, [tensors], None, 5.0, request_id=str(i), read_for=served.forms[RAW])
            async for piece in engine.stream(asked):
                assert piece.version == 1
        return copies(engine)

    assert run(engine, scenario) == sum(of_share)


def test_what_a_shadow_fails_on_is_its_own_failure(root, tmp_path):
    ids, y = ("ids", "INT64", ["n"]), ("y", "FP32", ["n", 2])
    for rows in (10, 3):  # of a table: the shadow has no row 5
        nodes = [helper.make_node("Gather", ["table", "ids"], ["y"])]
        table = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)
        publish_tensors(root, "table", save(tmp_path / "t.onnx", nodes, [ids], [y], table=table), [ids], [y])
    engine = traffic_engine(root)

    async def scenario():
        await engine.divide("table", 1, shadow=ShadowRule(version=2))
        for i in range(500):
            row = (1, 5)[shadow_of(engine, "table").agreement.answers]
            answer = await infer(engine, "table", {"ids": np.array([row], np.int64)}, request_id=str(i))
            assert tensors_of(answer)["y"].tolist() == [[2 * row, 2 * row + 1]]
            await until(partial(lambda number: copies(engine, "table") == number, i + 1))
            if shadow_of(engine, "table").failures:
                break
        default, shadow = engine.traffic("table").figures
        assert (default.failures, shadow.failures, shadow.errors) == (0, 1, {"InvalidInput": 1})  # the graph refuses it
        return shadow.agreement.answers, shadow.agreement.largest_difference

    assert run(engine, scenario) == (1, 0.0)


def test_while_callers_wait_for_one_another_nothing_is_copied(root):
    engine = traffic_engine(root)

    async def scenario():
        figures = Figures(COUNTING, 2, "shadow", Telemetry().traffic)
        shadowing = Shadowing(engine, figures)
        waited = await count(engine, 1)
        waited = waited._replace(timing=waited.timing._replace(queue_s=1.0))
        shadowing.offer(Ask(COUNTING, None, RAW, [], None, 5.0), waited)
        shadowing.close()
        return figures.told().agreement.dropped

    assert run(engine, scenario) == {"load": 1}


def test_what_is_answered_after_the_end_of_a_rule_is_not_copied(root):
    engine = traffic_engine(root)

    async def scenario():
        await engine.divide(COUNTING, 1, shadow=ShadowRule(version=2))
        figures = Figures(COUNTING, 2, "shadow", Telemetry().traffic)
        shadowing, answered = (
            Shadowing(engine, figures),
            await infer(engine, COUNTING, {"x": np.ones((1, 1), np.float32)}),
        )
        shadowing.close()
        tasks = len(asyncio.all_tasks())
        shadowing.offer(
            Ask(COUNTING, 1, RAW, [], None, 5.0), answered._replace(timing=answered.timing._replace(queue_s=0))
        )
        return len(asyncio.all_tasks()) - tasks, figures.told().agreement.dropped

    assert run(engine, scenario) == (0, {})
