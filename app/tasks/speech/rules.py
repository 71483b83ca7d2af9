"""The order of the tokens of a transcript: what it begins with, and where its times stand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.generation.prompt import Logits

Ids = npt.NDArray[np.int64]

STEP_S = 0.02  # between two times
LATEST_START = 50  # steps: a transcript with times begins within the first second of its window


@dataclass(frozen=True, slots=True)
class Order:
    """The tokens that must come first, and those that may never come.

    `first` are one after the other; of a group in it, the likeliest. `times` are `timestamp_begin` and all after it.
    """

    first: Sequence[Sequence[int]]
    end: int
    timestamp_begin: int
    has_times: bool
    suppressed: Ids
    begin_suppressed: Ids


class Rules:
    """Rules for one transcript, as OpenAI's code has them (Radford et al., 2022, 2.3 and 4.5).

    With times, it begins with one, they never go back, and they come in pairs: the end of a segment and the start of
    the next. A time comes where all of them together are likelier than any other token.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._count = 0  # of all tokens, the first ones included
        self._written: list[bool] = []  # whether each token after the first ones is a time
        self._latest: int | None = None  # token of the last time

    def forbid(self, logits: Logits) -> None:
        """Set the logits [vocabulary] of all that may not come next to minus infinity, in place."""
        order, at = self._order, self._count
        if at < len(order.first):
            _allow_only(logits, order.first[at])
            return
        logits[order.suppressed] = -np.inf
        if not self._written:
            logits[order.begin_suppressed] = -np.inf
        if order.has_times:
            self._forbid_by_times(logits)
        else:
            logits[order.timestamp_begin :] = -np.inf

    def _forbid_by_times(self, logits: Logits) -> None:
        order, begin = self._order, self._order.timestamp_begin
        if not self._written:
            logits[:begin] = -np.inf
            logits[begin + LATEST_START + 1 :] = -np.inf
            return
        after_time = self._written[-1]
        if after_time and (len(self._written) < 2 or self._written[-2]):
            logits[begin:] = -np.inf  # a pair is whole, and text follows
            return
        if after_time:
            logits[: order.end] = -np.inf  # the end of a segment, whose next start follows, or nothing
        if self._latest is not None:  # the same time again only as the second of a pair
            logits[begin : self._latest + (0 if after_time else 1)] = -np.inf
        times, others = logits[begin:], logits[:begin]
        most = times.max()
        if np.isfinite(most) and most + np.log(np.exp(times - most).sum()) > others.max():
            logits[:begin] = -np.inf

    def accept(self, token: int) -> None:
        """Go on from a token that was chosen."""
        self._count += 1
        if self._count > len(self._order.first):
            is_time = token >= self._order.timestamp_begin
            self._written.append(is_time)
            self._latest = token if is_time else self._latest


def _allow_only(logits: Logits, ids: Sequence[int]) -> None:
    kept = logits[list(ids)]
    logits[:] = -np.inf
    logits[list(ids)] = kept
