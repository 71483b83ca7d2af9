"""The tables of scenarios, servers and targets agree with each other."""

import pytest

from benchmarks.scenarios import NAMES, OURS_ALONE, SCENARIOS, SOAK_MODELS, with_needed
from benchmarks.servers import BY_NAME, PEERS, SERVERS
from benchmarks.targets import TARGETS, Target

CASES = {scenario.name: {load.case for load in scenario.loads} for scenario in SCENARIOS}
RAW_CASES = {"best batch", "batch 1", "sorted by length", "decode and graph"}


@pytest.mark.parametrize("target", [target for target in TARGETS if target.scenario not in OURS_ALONE])
def test_a_target_is_about_a_case_that_is_measured(target: Target) -> None:
    assert target.case in CASES[target.scenario]
    their_cases = target.their_cases or (target.case,)
    assert set(their_cases) <= (
        RAW_CASES if target.others == ("raw",) else CASES[target.their_scenario or target.scenario]
    )


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_compares_with_servers_that_are_measured(target: Target) -> None:
    assert set(target.others) <= {*BY_NAME, "raw"}
    assert bool(target.others) == (target.how != "alone")


def test_names_are_unique_and_every_variant_says_its_settings() -> None:
    assert len(BY_NAME) == len(SERVERS)
    assert len(set(NAMES)) == len(NAMES)
    assert len({server.settings for server in SERVERS}) == len(SERVERS)


def test_every_batching_peer_is_also_tried_without() -> None:
    batching = {server.family for server in SERVERS if server.batch_size > 1}
    assert batching == {server.family for server in SERVERS if server.name.endswith("-single")}


@pytest.mark.parametrize("server", SERVERS)
def test_every_server_takes_every_load_of_both_kinds(server) -> None:
    assert server.probe("text").is_lines
    assert server.probe("image").content_type.startswith(("image/jpeg", "multipart/form-data"))
    for word in server.command.split():
        if word.endswith("_server.py"):
            assert (PEERS / word).is_file()


def test_what_a_scenario_needs_is_measured_before_it() -> None:
    assert with_needed(["overload"]) == ["mixed", "overload"]
    for scenario in SCENARIOS:
        if scenario.needs:
            assert NAMES.index(scenario.needs) < NAMES.index(scenario.name)


def test_the_soak_shares_add_up() -> None:
    assert sum(SOAK_MODELS.values()) == pytest.approx(1)
    assert min(SOAK_MODELS.values()) > 0
