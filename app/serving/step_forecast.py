"""Forecasts of when the answers of a stepper are whole, if none comes to them."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from app.serving.pass_plan import MOST_BETWEEN_S, reading_order
from app.serving.step_cost import CHUNKS, StepCost
from app.serving.writing import Writing


class StepForecast:
    """Of all `writings`: those that wait, those whose prompts are read, and those that get tokens.

    Passes go as in pass_plan.py: each gives every answer a token, and reads on one prompt for what is left of
    MOST_BETWEEN_S. `expected` says how many tokens more an answer will probably have.
    """

    def __init__(
        self, writings: Sequence[Writing], cost: StepCost, most_rows: int, expected: Callable[[Writing], int]
    ) -> None:
        self._cost, self._expected = cost, expected
        all_rows = sum(one.num_rows for one in writings)
        rows, new = min(most_rows, all_rows), sum(one.num_rows * expected(one) for one in writings)
        tokens = sum(one.num_rows * len(one.ids) for one in writings) + new // 2
        self._step_s = cost.slower * cost.step_s(rows, tokens * rows // max(1, all_rows))
        self._beside_s = max(MOST_BETWEEN_S - self._step_s, cost.slower * cost.chunk_s(CHUNKS[0]))
        reading = sorted((reading_order(one, cost), self._unread_s(one)) for one in writings if one.is_reading)
        self._orders = [order for order, _ in reading]
        self._read_s = list(accumulate((seconds for _, seconds in reading), initial=0.0))
        # What waits begins when all before it are over, but for those that go on beside it: half of them, on average.
        self._wait_steps = new / most_rows if all_rows > most_rows else 0.0

    def whole_s(self, writing: Writing) -> float:
        """Return the seconds until one of the answers is whole."""
        steps, first_s = self._expected(writing), 0.0
        wait_s = 0.0 if writing.begun else max(0.0, self._wait_steps - steps / 2) * self._step_s
        if writing.is_reading:
            first_s = self._read_s[bisect_right(self._orders, reading_order(writing, self._cost))]
        between_s = first_s * (1 + self._step_s / self._beside_s)
        beside_s = min(self._read_s[-1] - first_s, steps * self._beside_s)  # what is read while it gets its tokens
        return wait_s + between_s + steps * self._step_s + beside_s

    def _unread_s(self, writing: Writing) -> float:
        past, to_read = writing.known, writing.to_read
        return self._cost.slower * (self._cost.prompt_s(past + to_read) - self._cost.prompt_s(past))
