"""The tables of scenarios, servers and targets agree with each other."""

import subprocess
import sys

import pytest

from benchmarks.scenarios import NAMES, OURS_ALONE, SCENARIOS, SOAK_MODELS, with_needed
from benchmarks.servers import BY_NAME, PEERS, SERVERS, ServerFailed, check_answer
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


def test_an_answer_must_be_that_of_the_graph() -> None:
    check_answer(b'{"outputs": [[{"label": "a", "score": 0.7}, {"label": "b", "score": 0.3}]]}', 0.71)
    check_answer(b'[{"label": "0", "score": 0.3}, {"label": "1", "score": 0.7}]', 0.7)
    check_answer(b'[[{"label": "0", "score": 0.7}]]', 0.7)
    with pytest.raises(ServerFailed, match=r"0\.700, the graph's is 0\.400"):
        check_answer(b'[{"label": "0", "score": 0.7}]', 0.4)
    for body in (b"", b"[]", b"{}", b'{"outputs": []}', b'[{"label": "a"}]', b'["score"]', b'"error"'):
        with pytest.raises(ServerFailed, match="answers no labels"):
            check_answer(body, 0.5)


RUNAWAY = """
import os, subprocess, sys
from benchmarks.servers import descendants, started

ignores = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
orphans = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {ignores!r}], start_new_session=True)"
server = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {orphans!r}]); print('up', flush=True)"
bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
command = [sys.executable, "-c", server + "; time.sleep(60)"]
with started(command, {}, sorted(os.sched_getaffinity(0)), subprocess.PIPE) as one:
    one.stdout.readline()
    print(len(descendants()))
print(descendants() == {bystander.pid})
bystander.kill()
"""


def test_stopping_ends_what_ran_away_and_nothing_else() -> None:
    """A process in a session of its own, whose parent has ended, and which ignores SIGTERM."""
    found = subprocess.run([sys.executable, "-c", RUNAWAY], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["3", "True"]
