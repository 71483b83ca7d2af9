"""Admission of answers that will be whole in time: by what steps and chunks take, and how long answers are."""

from collections.abc import Callable, Iterable

from app.errors import DeadlineExceeded, Overloaded
from app.serving.step_cost import StepCost
from app.serving.writing import Writing

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

        `unfinished` are all that wait or have begun. Raises Overloaded, or DeadlineExceeded if it would be too late
        even alone.
        """
        others = list(unfinished)
        if not others:
            return
        backlog_s = self._cost.slower * sum(max(0.0, one.cost_s - one.taken_s) for one in others)
        if (waiting := len(others) - self._most_rows) >= self._max_queue_size:
            self._refused("queue", 1)
            raise Overloaded(f"{waiting} prompts are waiting, and no more may", backlog_s)
        if (alone_s := self.seconds(writing)) > left_s:
            self._refused("deadline", 1)
            raise DeadlineExceeded(
                f"this takes about {alone_s:.2f} s alone, too long for a deadline {left_s:.2f} s away"
            )
        beside = min(self._most_rows, len(others) + 1)
        wait_s = 0.0
        if len(others) >= self._most_rows:
            # Until all before it are over, but for those that go on beside it: half of them, on average.
            wait_s = max(0.0, backlog_s - self._cost.slower * writing.cost_s * (beside - 1) / 2)
        whole_s = wait_s + self.seconds(writing, beside)
        if whole_s > left_s:
            self._refused("wait", 1)
            late_s = max(LEAST_RETRY_S, whole_s - left_s)
            raise Overloaded(f"the answer would take about {whole_s:.2f} s, which is too late", late_s)

    def seconds(self, writing: Writing, beside: int = 1) -> float:
        """Return the seconds until an answer is over that begins now, in steps of `beside` answers like it."""
        prompt, new = len(writing.ids), self._expected(writing)
        step_s = self._cost.step_s(beside, beside * (prompt + new // 2))
        return self._cost.slower * (self._cost.prompt_s(prompt) + new * step_s)

    def own_seconds(self, writing: Writing) -> float:
        """Return the seconds of the decoder that an answer takes for itself, where as many step as may."""
        prompt, new, rows = len(writing.ids), self._expected(writing), self._most_rows
        return self._cost.prompt_s(prompt) + new * self._cost.step_s(rows, rows * (prompt + new // 2)) / rows

    def learn(self, writing: Writing) -> None:
        """Take into account how long an answer has become that came to its end."""
        share = writing.num_new / writing.prompt.max_new_tokens
        self._used_share += LEARNING_RATE * (share - self._used_share)

    def _expected(self, writing: Writing) -> int:
        """Return how many tokens more it will probably have."""
        return max(1, round(self._used_share * writing.prompt.max_new_tokens) - writing.num_new)
