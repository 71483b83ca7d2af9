"""Admission of answers that will be whole in time: by what steps and chunks take, and how long answers are."""

from collections.abc import Callable, Iterable, Sequence

from app.errors import DeadlineExceeded, Overloaded
from app.serving.step_cost import StepCost
from app.serving.step_forecast import StepForecast
from app.serving.writing import Writing

# Of the time until a deadline, what a forecast may fill: more will come beside the answer. At twice the saturation a
# simulation of passes answered 1.2 times the saturation in time with 1, .8 and .6 alike; with less, few long answers.
SURE_SHARE = 0.8
LEARNING_RATE = 0.1  # of the last answer, of how many of the tokens that they may have answers do have
LEAST_RETRY_S = 1.0


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

    def require_time(self, writing: Writing, left_s: float, unfinished: Iterable[Writing]) -> None:
        """Raise unless the answer would probably be whole in `left_s`. An idle model tries whatever it is asked.

        Nor may it make an answer late that has begun, unless its caller has no other: it is then the others who have
        more. `unfinished` are all that wait or have begun. Raises Overloaded, or DeadlineExceeded if it would be too
        late even alone.
        """
        others = [one for one in unfinished if not one.is_over]
        if not others:
            return
        if (waiting := len(others) - self._most_rows) >= self._max_queue_size:
            self._refused("queue", 1)
            backlog_s = self._cost.slower * sum(max(0.0, one.cost_s - one.taken_s) for one in others)
            raise Overloaded(f"{waiting} prompts are waiting, and no more may", backlog_s)
        if (alone_s := self._forecast([writing]).whole_s(writing)) > left_s:
            self._refused("deadline", 1)
            raise DeadlineExceeded(
                f"this takes about {alone_s:.2f} s alone, too long for a deadline {left_s:.2f} s away"
            )
        # Looked at one by one are no more than have a place: of those behind them what they take together is enough.
        near, far = others[: self._most_rows], others[self._most_rows :]
        beside, far_s = self._forecast([*near, writing]), self._cost.slower * sum(one.cost_s for one in far)
        if (whole_s := beside.whole_s(writing) + far_s) > SURE_SHARE * left_s:
            self._refused("wait", 1)
            late_s = max(LEAST_RETRY_S, whole_s - SURE_SHARE * left_s)
            raise Overloaded(f"the answer would take about {whole_s:.2f} s, which is too late", late_s)
        if any(one.terms.caller == writing.terms.caller for one in others):
            self._require_time_of_others(writing, left_s, near, beside)

    def _require_time_of_others(
        self, writing: Writing, left_s: float, others: Sequence[Writing], beside: StepForecast
    ) -> None:
        before, now = self._forecast(others), writing.terms.deadline - left_s
        begun = [(one, one.terms.deadline - now) for one in others if one.begun]
        if any(before.whole_s(one) <= one_left_s < beside.whole_s(one) for one, one_left_s in begun):
            self._refused("wait", 1)
            first_s = min(map(before.whole_s, others))
            raise Overloaded("answers that have begun would be too late", max(LEAST_RETRY_S, first_s))

    def _forecast(self, writings: Sequence[Writing]) -> StepForecast:
        return StepForecast(writings, self._cost, self._most_rows, self.expected)

    def own_seconds(self, writing: Writing) -> float:
        """Return the seconds of the decoder that an answer takes for itself, where as many step as may."""
        prompt, new, rows = len(writing.ids), self.expected(writing), self._most_rows
        return (
            self._cost.prompt_s(prompt + writing.prompt.source_length)
            + new * self._cost.step_s(rows, rows * (prompt + new // 2)) / rows
        )

    def learn(self, writing: Writing) -> None:
        """Take into account how long an answer has become that came to its end."""
        share = writing.num_new / writing.prompt.max_new_tokens
        self._used_share += LEARNING_RATE * (share - self._used_share)

    def expected(self, writing: Writing) -> int:
        """Return how many tokens more it will probably have."""
        return max(1, round(self._used_share * writing.prompt.max_new_tokens) - writing.num_new)
