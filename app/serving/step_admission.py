"""Admission of answers that will be whole in time: by what steps and chunks take, and how long answers are."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from time import perf_counter

from app.errors import DeadlineExceeded, Overloaded
from app.generation.prompt import Prompt
from app.generation.sampling import chooser_of
from app.serving.admission import handicap_of
from app.serving.deadlines import too_late
from app.serving.scheduler import Turn
from app.serving.shares import NOBODY, Share
from app.serving.step_cost import StepCost
from app.serving.step_forecast import StepForecast
from app.serving.step_line import Before
from app.serving.writing import NOWHERE, Writing

# Of the time until a deadline, what a forecast may fill: more will come beside the answer. At twice the saturation a
# simulation of passes answered 1.2 times the saturation in time with 1, .8 and .6 alike; with less, few long answers.
SURE_SHARE = 0.8
LEARNING_RATE = 0.1  # of the last answer, of how many of the tokens that they may have answers do have
LEAST_RETRY_S = 1.0
NOBODYS = Turn(0.0, 0, "")  # of what is only looked at
FEW = 64  # answers that are made while the event loop waits: some milliseconds

Likes = Sequence[tuple[Prompt, int]]
"""A prompt of each kind in a request, and how many there are of it."""


class StepAdmission:
    """Keeps what waits for a stepper within `max_queue_size` answers, and within the time that callers have."""

    def __init__(
        self, cost: StepCost, *, most_rows: int, max_queue_size: int, refused: Callable[[str, int], None]
    ) -> None:
        self._cost = cost
        self._most_rows = most_rows
        self._max_queue_size = max_queue_size
        self._refused = refused
        self._used_share = 1.0  # of the tokens that answers may have, those that they have

    async def request(self, prompts: Sequence[Prompt], terms: Turn, share: Share) -> list[Writing]:
        """The answers to prompts, which were asked for together, with what they cost. Their turn is that of them all.

        Of what one caller asks, what is read soon goes before long prompts that came within the time that these take.
        """
        made: list[Writing] = []
        submitted, read_s = perf_counter(), 0.0
        for prompt in prompts:
            assert prompt.beams.number <= self._most_rows, "it would wait for ever"
            writing = Writing(prompt, terms, share, 0.0, chooser_of(prompt), submitted)
            writing.cost_s = self.own_seconds(writing)
            read_s += self._cost.prompt_s(writing.to_read)
            made.append(writing)
            if len(made) % FEW == 0:
                await asyncio.sleep(0)
        for writing in made:
            writing.turn = submitted + handicap_of(terms.priority) + read_s
        return made

    def require_possible(self, likes: Likes, left_s: float, unfinished: Iterable[Writing]) -> None:
        """Raise DeadlineExceeded unless answers might be whole in `left_s` if alone, before any of them is made.

        As many as step at a time are not counted: an idle model tries these.
        """
        if not likes:
            return
        kinds = [(Writing(prompt, NOBODYS, NOBODY, 0.0, chooser_of(prompt)), number) for prompt, number in likes]
        costs = [(self.own_seconds(one), number) for one, number in kinds]
        most_s = self._most_rows * max(cost_s for cost_s, _ in costs)
        is_idle = all(one.is_over for one in unfinished)
        slower = min(1.0, self._cost.slower) if is_idle else self._cost.slower
        least_s = slower * (sum(cost_s * number for cost_s, number in costs) - most_s)
        if least_s > left_s:
            self._refused("deadline", sum(number for _, number in costs))
            raise _too_long(least_s, left_s)

    def require_time(
        self, request: Sequence[Writing], left_s: float, unfinished: Iterable[Writing], before: Before
    ) -> None:
        """Raise unless all answers of a request would probably be whole in `left_s`.

        Nor may it make an answer late that has begun, unless its caller has no other: it is then the others who have
        more. `unfinished` are all that have begun, and then all that wait. An idle model tries whatever it can do at a
        time. Raises Overloaded, or DeadlineExceeded if it would be too late even alone.
        """
        if left_s <= 0:
            raise too_late()
        others, number = [one for one in unfinished if not one.is_over], len(request)
        if not others and self._num_placed(request) == number:
            return
        free = max(0, self._most_rows - sum(one.slot != NOWHERE for one in others))
        if (waiting := before.number - free) + number > self._max_queue_size:
            self._refused("queue", number)
            backlog_s = self._cost.slower * sum(max(0.0, one.cost_s - one.taken_s) for one in others)
            raise Overloaded(f"{max(0, waiting)} prompts are waiting, and {self._max_queue_size} may", backlog_s)
        # What passes took of late says little of a model that is idle now: only work shows whether it still is so slow.
        cost = self._cost if others else replace(self._cost, slower=min(1.0, self._cost.slower))
        sample = request[: self._num_placed(request)]
        if (alone_s := self._whole_s(request, self._forecast(sample, cost), cost)) > left_s:
            self._refused("deadline", number)
            raise _too_long(alone_s, left_s)
        if not others:
            return
        # Looked at one by one are no more than have a place: of those behind them what they take together is enough.
        near = others[: self._num_placed(others)]
        beside = self._forecast([*near, *sample], cost)
        far_s = cost.slower * max(0.0, before.seconds - sum(one.cost_s for one in near if one.slot == NOWHERE))
        if (whole_s := self._whole_s(request, beside, cost) + far_s) > SURE_SHARE * left_s:
            self._refused("wait", number)
            late_s = max(LEAST_RETRY_S, whole_s - SURE_SHARE * left_s)
            raise Overloaded(f"the answer would take about {whole_s:.2f} s, which is too late", late_s)
        if any(one.terms.caller == request[0].terms.caller for one in others):
            self._require_time_of_others(request, left_s, near, beside)

    def wait_s(self, begun: Sequence[Writing], waiting_s: float) -> float:
        """Return the seconds until what came now would be begun, behind `waiting_s` of what waits.

        May be asked on any thread.
        """
        rows = sum(one.num_rows for one in begun)
        if rows < self._most_rows and not waiting_s:
            return 0.0
        # All in flight go on side by side, so the first is over when each of them has had what that one still needs.
        first_s = min((max(0.0, one.cost_s - one.taken_s) / one.num_rows for one in begun), default=0.0)
        return self._cost.slower * (rows * first_s + waiting_s)

    def _require_time_of_others(
        self, request: Sequence[Writing], left_s: float, others: Sequence[Writing], beside: StepForecast
    ) -> None:
        without, now = self._forecast(others, self._cost), request[0].terms.deadline - left_s
        begun = [(one, one.terms.deadline - now) for one in others if one.begun]
        if any(without.whole_s(one) <= one_left_s < beside.whole_s(one) for one, one_left_s in begun):
            self._refused("wait", len(request))
            first_s = min(map(without.whole_s, others))
            raise Overloaded("answers that have begun would be too late", max(LEAST_RETRY_S, first_s))

    def _num_placed(self, writings: Sequence[Writing]) -> int:
        """Return how many of these, in their order, step at a time."""
        rows = list(accumulate((one.num_rows for one in writings[: self._most_rows]), initial=0))
        return bisect_right(rows, self._most_rows) - 1

    def _whole_s(self, request: Sequence[Writing], forecast: StepForecast, cost: StepCost) -> float:
        """Seconds until the last of a request is whole, by a forecast that has as many of it as have a place."""
        placed = self._num_placed(request)
        rest_s = cost.slower * sum(one.cost_s for one in request[placed:])
        return max(map(forecast.whole_s, request[:placed])) + rest_s

    def _forecast(self, writings: Sequence[Writing], cost: StepCost) -> StepForecast:
        return StepForecast(writings, cost, self._most_rows, self.expected)

    def own_seconds(self, writing: Writing) -> float:
        """Return the seconds of the decoder that an answer takes for itself, where as many step as may."""
        prompt, new, rows = len(writing.ids), self.expected(writing), self._most_rows
        return (
            self._cost.prompt_s(prompt + writing.prompt.source_length)
            + writing.num_rows * new * self._cost.step_s(rows, rows * (prompt + new // 2)) / rows
        )

    def learn(self, writing: Writing) -> None:
        """Take into account how long an answer has become that came to its end."""
        share = writing.num_new / writing.prompt.max_new_tokens
        self._used_share += LEARNING_RATE * (share - self._used_share)

    def expected(self, writing: Writing) -> int:
        """Return how many tokens more it will probably have."""
        return max(1, round(self._used_share * writing.prompt.max_new_tokens) - writing.num_new)


def _too_long(seconds: float, left_s: float) -> DeadlineExceeded:
    return DeadlineExceeded(f"this takes about {seconds:.2f} s alone, too long for a deadline {left_s:.2f} s away")
