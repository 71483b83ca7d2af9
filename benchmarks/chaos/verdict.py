"""The effects of a fault on those who had nothing to do with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.chaos.steady import Outcome

SLOW_S = 1.0  # longer than any of these questions takes on a busy machine


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts of requests, and seconds from the beginning of the fault until all was as before."""

    requests: int
    lost: int
    wrong: int
    refused: int
    slowest_s: float
    slowest: str
    """The model that was asked."""
    recovered_s: float
    reasons: tuple[str, ...]
    """Why requests were lost or wrong, each once."""

    @property
    def is_good(self) -> bool:
        return not self.lost and not self.wrong and self.requests > 0


def judge(outcomes: Sequence[Outcome], began: float, door_closed: float | None = None) -> Verdict:
    """Judge what was asked from the moment `began` on, or was not yet answered then.

    `door_closed` is when the service was told to end, if it was. What was sent later, and closed without a byte, was
    never admitted; what was sent before, and closed, is lost.
    """
    concerned = [one for one in outcomes if one.done >= began]
    wrong = [one for one in concerned if one.kind == "wrong"]
    lost = [
        one for one in concerned if one.kind == "lost" or (one.kind == "closed" and not _came_late(one, door_closed))
    ]
    bad = [one for one in concerned if one.kind != "right" or one.done - one.sent > SLOW_S]
    slowest = max(concerned, key=lambda one: one.done - one.sent, default=None)
    return Verdict(
        requests=len(concerned),
        lost=len(lost),
        wrong=len(wrong),
        refused=sum(one.kind != "right" for one in concerned) - len(lost) - len(wrong),
        slowest_s=slowest.done - slowest.sent if slowest else 0.0,
        slowest=slowest.model if slowest else "",
        recovered_s=max((one.done - began for one in bad), default=0.0),
        reasons=tuple(sorted({f"{one.model}: {one.why}" for one in [*lost, *wrong]})),
    )


def _came_late(one: Outcome, door_closed: float | None) -> bool:
    return door_closed is not None and one.sent >= door_closed
