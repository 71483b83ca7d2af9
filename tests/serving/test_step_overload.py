"""Asks beyond what a stepper can do, in simulated time: the real table of slots, plan of passes and admission."""

import random
from collections.abc import Callable
from math import exp, log
from statistics import mean

import pytest

from app.errors import ServiceError
from app.generation.prompt import Prompt, Token
from app.generation.sampling import Chooser
from app.serving.pass_plan import next_pass, seconds_of
from app.serving.scheduler import Turn, weight_of
from app.serving.shares import Shares
from app.serving.slots import Slots
from app.serving.step_admission import StepAdmission
from app.serving.step_cost import StepCost
from app.serving.step_line import Before
from app.serving.writing import Writing

# As measured of SmolLM2-135M with 8-bit weights, on two cores with AVX-512 and with AVX2.
FAST = StepCost(base_s=0.0139, row_s=0.00136, token_s=5.4e-6, read_s=0.00112, past_s=8.5e-7)
SLOW = StepCost(base_s=0.016, row_s=0.0034, token_s=9e-6, read_s=0.0021, past_s=1.2e-6)
ROWS, CLIENTS, DEADLINE_S, SECONDS = 32, 8, 10.0, 60.0
PROMPTS, ANSWERS = (32, 256), (16, 64)


class Simulated:
    """A stepper whose passes take what they are expected to, and a tenth more or less."""

    def __init__(self, cost: StepCost, seed: int, caller: Callable[[int], str] = lambda number: "") -> None:
        self._cost, self._chance, self._caller = cost, random.Random(seed), caller
        self.now = 1.0
        self.in_time = self.late = self.refused = 0
        self._slots = Slots(2 * ROWS, 10**6)
        self._line: list[Writing] = []
        self._shares = Shares()
        self._number = 0
        self._admission = StepAdmission(cost, most_rows=ROWS, max_queue_size=64, refused=lambda why, number: None)

    @property
    def unfinished(self) -> list[Writing]:
        return [*self._slots.stepping, *self._slots.reading, *self._line]

    def ask(self, within_s: float) -> None:
        self._number += 1
        prompt = tuple([self._number] * self._drawn(*PROMPTS))
        asked, caller = Prompt(prompt, self._drawn(*ANSWERS)), self._caller(self._number)
        share = self._shares.of(caller, weight_of(0))
        writing = Writing(asked, Turn(self.now + within_s, 0, caller), share, 0.0, Chooser(asked), self.now)
        writing.cost_s = self._admission.own_seconds(writing)
        try:
            before = Before(len(self._line), sum(one.cost_s for one in self._line))
            self._admission.require_time([writing], within_s, self.unfinished, before)
        except ServiceError:
            self.refused += 1
        else:
            self._line.append(writing)

    def run(self) -> None:
        """One pass."""
        while self._line and len(self._slots) < ROWS:
            writing = self._line.pop(0)
            writing.begun = self.now
            self._slots.admit(writing)
        one = next_pass(self._slots, self._cost)
        assert one is not None
        self.now += seconds_of(one, self._cost) * self._chance.uniform(0.9, 1.1)
        for writing in one.stepping:
            writing.known = len(writing.ids)
            writing.add(Token(7))
        if (reading := one.reading) is not None:
            reading.known += one.chunk
            if not reading.unread:
                self._slots.begin_stepping(reading)
                reading.add(Token(7))
        for writing in self.unfinished:
            self._end(writing)

    def _end(self, writing: Writing) -> None:
        is_late = self.now > writing.terms.deadline
        if not (writing.finish or is_late):
            return
        self.late += is_late
        self.in_time += not is_late
        if writing in self._line:
            self._line.remove(writing)
        else:
            self._slots.release(writing)
            self._admission.learn(writing)

    def _drawn(self, least: int, most: int) -> int:
        return round(exp(self._chance.uniform(log(least), log(most))))


def saturation(cost: StepCost) -> float:
    """Answers a second, while each of CLIENTS asks again as soon as it is answered."""
    one = Simulated(cost, seed=0)
    while one.in_time < 300:
        while len(one.unfinished) < CLIENTS:
            one.ask(1e6)
        one.run()
    assert (one.late, one.refused) == (0, 0)
    return one.in_time / one.now


def overloaded(cost: StepCost, rate: float, seed: int, caller: Callable[[int], str]) -> Simulated:
    """`rate` asks a second, whoever is answered."""
    one, chance = Simulated(cost, seed, caller), random.Random(seed)
    due = one.now
    while due < SECONDS or one.unfinished:
        while due < SECONDS and (due <= one.now or not one.unfinished):
            one.now = max(one.now, due)
            one.ask(DEADLINE_S)
            due += chance.expovariate(rate)
        one.run()
    return one


@pytest.mark.parametrize("caller", [lambda number: "", str], ids=["one caller", "a caller each"])
@pytest.mark.parametrize("times", [1.2, 2.0, 4.0])
@pytest.mark.parametrize("cost", [FAST, SLOW], ids=["fast", "slow"])
def test_as_many_are_answered_in_time_as_at_saturation(
    cost: StepCost, times: float, caller: Callable[[int], str]
) -> None:
    most = saturation(cost)
    found = [overloaded(cost, times * most, seed, caller) for seed in range(3)]
    assert mean(one.in_time for one in found) / SECONDS > 0.9 * most
    assert sum(one.late for one in found) < 0.15 * sum(one.in_time for one in found)
    if caller(1) == caller(2):
        assert sum(one.late for one in found) < 0.02 * sum(one.in_time for one in found)
