"""Layouts of one service on many cores, on paper: where the answer is known without simulating."""

import pytest

from benchmarks.on_paper.__main__ import PAGE, replaced
from benchmarks.on_paper.cores import SECOND, Lock, Machine, Threads, done
from benchmarks.on_paper.layouts import Cost, Found, simulated
from benchmarks.on_paper.many_cores import Curves, cost_of, handing_over, parts_of, result, scaled, slower, stages

GRAPH = Cost("graph alone", 0.0, graph={1: 0.01})
REQUESTS = 200


def full(cost: Cost, cores: int, fronts: int = 0, slower: float = 1.0) -> Found:
    return simulated(cost, cores, fronts=fronts, slower=slower, requests=REQUESTS)


def test_threads_share_a_core_alike() -> None:
    machine, found = Machine(1), list[tuple[str, float]]()
    machine.work(1.0, lambda: found.append(("short", machine.now)))
    machine.work(2.0, lambda: found.append(("long", machine.now)))
    machine.run(lambda: False)
    assert found == [("short", pytest.approx(2.0)), ("long", pytest.approx(3.0))]


def test_the_first_class_goes_before_the_second() -> None:
    machine, found = Machine(1), list[tuple[str, float]]()
    machine.work(1.0, lambda: found.append(("second", machine.now)), SECOND)
    machine.at(0.5, lambda: machine.work(1.0, lambda: found.append(("first", machine.now))))
    machine.run(lambda: False)
    assert found == [("first", pytest.approx(1.5)), ("second", pytest.approx(2.0))]
    assert machine.used_s == pytest.approx(2.0)


def test_a_lock_is_held_by_one_at_a_time_and_leaves_other_work_alone() -> None:
    machine, found = Machine(8), list[float]()
    lock = Lock(machine)
    for _ in range(3):
        done(machine, [(1.0, lock), (0.5, None)], lambda: found.append(machine.now))
    machine.run(lambda: False)
    assert found == pytest.approx([1.5, 2.5, 3.5])
    assert lock.busy_s == pytest.approx(3.0)


def test_a_loop_does_one_thing_after_another() -> None:
    machine, found = Machine(8), list[float]()
    loop = Threads(machine)
    for _ in range(3):
        loop.do([(1.0, None)], lambda: found.append(machine.now))
    machine.run(lambda: False)
    assert found == pytest.approx([1.0, 2.0, 3.0])
    assert loop.busy_s == pytest.approx(3.0)


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_lanes_scale_with_the_cores_under_a_loop_that_costs_nothing(cores: int) -> None:
    found = full(GRAPH, cores)
    assert found.rate == pytest.approx(100 * cores, rel=0.02)
    assert found.limit == "cores"


def test_on_one_core_all_costs_add_up() -> None:
    cost = Cost("all", 0.002, 0.001, pool=0.003, lane_row=0.001, graph={1: 0.005})
    assert full(cost, 1).rate == pytest.approx(1 / 0.012, rel=0.02)


def test_one_loop_is_the_limit_on_many_cores() -> None:
    found = full(GRAPH._replace(request=0.001), 16)
    assert found.rate == pytest.approx(1000, rel=0.02)
    assert found.limit == "loop"


def test_python_on_other_threads_takes_from_the_loop_and_the_system_does_not() -> None:
    cost = Cost("lanes", 0.001, lane_row=0.001, graph={1: 0.01})
    assert full(cost, 8).rate == pytest.approx(500, rel=0.05)
    assert 600 < full(cost._replace(system=1.0), 8).rate <= 1000


def test_rows_share_batches_when_many_wait() -> None:
    assert full(GRAPH._replace(graph={1: 0.01, 4: 0.005, 8: 0.006}), 2).rate == pytest.approx(400, rel=0.03)


def test_alone_a_request_takes_all_its_stages() -> None:
    cost = Cost("all", 0.002, 0.001, pool=0.003, lane_row=0.001, graph={1: 0.005})
    alone = simulated(cost, 4, rate=0.1, requests=50)
    assert alone.percentile(0.5) == pytest.approx(0.012)


def test_fronts_are_worth_what_they_take_from_the_loop() -> None:
    cost = Cost("half", 0.001, graph={1: 0.002}, engine_request=0.0004, front=0.0001, compute=0.0001)
    found = full(cost, 8, fronts=4)
    assert found.rate == pytest.approx(1 / (0.0004 + 0.0001), rel=0.05)
    assert found.limit == "loop"
    assert full(cost, 8, fronts=1).rate == pytest.approx(1 / (0.0006 + 0.0001), rel=0.05)


def test_lanes_may_lose_by_sharing_memory() -> None:
    assert slower(1, 0.3) == 1
    assert slower(64, 0.3) == pytest.approx(1 / 0.7)
    assert full(GRAPH, 4, slower=2.0).rate == pytest.approx(200, rel=0.02)


def test_whole_processes_scale_where_one_loop_does_not() -> None:
    curves = Curves(GRAPH._replace(request=0.001), requests=REQUESTS)
    assert curves.one(16).rate == pytest.approx(1000, rel=0.02)
    whole = curves.whole(16)
    assert whole.rate == pytest.approx(16 / 0.011, rel=0.03)
    assert whole.processes == 2


def test_on_another_machine_python_and_graphs_take_other_times() -> None:
    other = scaled(Cost("all", 0.002, pool=0.003, lane_row=0.001, graph={1: 0.005}), loop=0.5, graph=2.0)
    assert (other.request, other.pool, other.lane_row, other.row_s(1)) == (0.001, 0.006, 0.0005, 0.01)


def test_a_request_and_a_batch_are_told_apart_by_two_loads() -> None:
    alone, many = {"loop_ms": 0.7, "rows_a_batch": 1.0}, {"loop_ms": 0.45, "rows_a_batch": 6.0}
    assert parts_of(alone, many, "loop_ms") == (pytest.approx(0.0004), pytest.approx(0.0003))


def test_the_cost_of_a_measured_request_is_what_was_measured() -> None:
    every = {"before_ms": 0.5, "after_ms": 0.0, "decoding_ms": 0.4, "log_ms": 0.02, "loop_system_ms": 0.1}
    alone = {"rows_a_batch": 1.0, "loop_ms": 0.7, "lane_python_ms": 0.2, "graph_ms": 2.0, **every}
    many = {"rows_a_batch": 6.0, "loop_ms": 0.45, "lane_python_ms": 0.1, "graph_ms": 1.5, **every}
    way = {"front_ms": 0.01, "compute_ms": 0.02}
    measured = {
        "photos": {"alone": alone, "many": many, "engine alone": alone, "engine many": many, "graph": {"1": 2, "4": 1}},
        "handover": {"photo": {"bytes": {"many": way}}},
    }
    cost = cost_of(measured, "photos")
    assert cost.request + cost.batch / 6 == pytest.approx(0.00045)
    assert cost.pool_python + cost.pool == pytest.approx(0.0005)
    assert cost.lane_row + cost.lane_batch / 6 == pytest.approx(0.0001)
    assert (cost.best_rows, cost.row_s(3), cost.compute) == (4, 0.002, 0.00002)


def test_the_page_has_what_was_measured() -> None:
    page, measured = PAGE.read_text(encoding="utf-8"), result()
    for name, content in (("stages", stages(measured)), ("handover", handing_over(measured))):
        assert replaced(page, name, content) == page, "python -m benchmarks.on_paper --write"
