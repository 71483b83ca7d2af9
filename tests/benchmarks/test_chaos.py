"""The command that makes faults calls requests lost, wrong and recovered; and one fault for real."""

import subprocess
import sys

import pytest

from benchmarks.chaos.__main__ import FAULTS
from benchmarks.chaos.steady import Outcome, Question, judged
from benchmarks.chaos.verdict import judge

ASKED = Question("m", "{}", [{"y": [1.0, 2.0]}])


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b'{"outputs": [{"y": [1.0, 2.0005]}]}', "right"),
        (200, b'{"outputs": [{"y": [1.0, 2.1]}]}', "wrong"),
        (200, b'{"outputs": []}', "wrong"),
        (429, b"{}", "refused"),
        (503, b"{}", "refused"),
        (504, b"{}", "lost"),
        (500, b"{}", "lost"),
        (422, b"{}", "lost"),
    ],
)
def test_an_answer_is_right_wrong_refused_or_lost(status, body, kind):
    assert judged(ASKED, status, body)[0] == kind


def outcome(sent: float, done: float, kind: str = "right") -> Outcome:
    return Outcome(sent, done, "m", kind)  # type: ignore[arg-type]


def test_recovery_is_the_time_until_the_last_answer_that_was_late_or_not_right():
    outcomes = [
        outcome(0, 0.1, "lost"),
        outcome(10, 10.1),
        outcome(10.2, 11.5),
        outcome(12, 12.1, "refused"),
        outcome(13, 13.1),
    ]
    verdict = judge(outcomes, began=9)
    assert verdict.is_good
    assert (verdict.requests, verdict.refused, verdict.lost) == (4, 1, 0)
    assert verdict.recovered_s == pytest.approx(3.1)
    assert verdict.slowest_s == pytest.approx(1.3)


@pytest.mark.parametrize(("sent", "lost"), [(4.9, 1), (5.1, 0)])
def test_what_is_closed_without_a_byte_is_lost_if_it_was_sent_before_the_end_was_asked_for(sent, lost):
    verdict = judge([outcome(sent, 6, "closed")], began=1, door_closed=5)
    assert (verdict.lost, verdict.refused) == (lost, 1 - lost)
    assert judge([outcome(sent, 6, "closed")], began=1).lost == 1


@pytest.mark.parametrize("kind", ["lost", "wrong"])
def test_whoever_is_lost_or_told_wrong_makes_it_bad(kind):
    assert not judge([outcome(2, 3), outcome(2, 3, kind)], began=1).is_good
    assert not judge([], began=1).is_good


def test_every_fault_says_what_it_does():
    assert all(fault.happens.__doc__ for fault in FAULTS.values())


def test_a_fault_for_real_costs_nobody_an_answer():
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.chaos", "--only", "switches"], capture_output=True, text=True, timeout=180
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 of 1 faults cost nobody an answer" in ran.stdout
