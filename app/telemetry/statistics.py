"""Counts and sums of what a version has done since it was loaded."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field

from app.telemetry.drift import DriftCounts


@dataclass(slots=True)
class Total:
    """A count of what was done, and the seconds that it took in all."""

    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.seconds += seconds

    def add_all(self, other: "Total") -> None:
        self.count += other.count
        self.seconds += other.seconds


@dataclass(slots=True)
class Statistics:
    """Counts of a version since it was loaded. Stages and requests count requests, `batches` those of each size."""

    rows: int = 0
    last_batch_at: float = 0.0
    """In seconds since 1970; 0 if there was none."""
    succeeded: Total = field(default_factory=Total)
    failed: Total = field(default_factory=Total)
    preprocess: Total = field(default_factory=Total)
    queue: Total = field(default_factory=Total)
    inference: Total = field(default_factory=Total)
    postprocess: Total = field(default_factory=Total)
    batches: dict[int, Total] = field(default_factory=dict)
    drift: DriftCounts | None = None
    """Of a version whose answers are compared with those of its training."""

    def copy(self) -> "Statistics":
        """As they are now: nothing that is counted later changes them."""
        return deepcopy(self)

    def add_all(self, other: "Statistics") -> None:
        """Add what `other` has counted of the same version, in another process; but for drift, which is of now."""
        self.rows += other.rows
        self.last_batch_at = max(self.last_batch_at, other.last_batch_at)
        for name in ("succeeded", "failed", "preprocess", "queue", "inference", "postprocess"):
            getattr(self, name).add_all(getattr(other, name))
        for rows, total in other.batches.items():
            self.batches.setdefault(rows, Total()).add_all(total)


def sum_of(parts: Iterable[Statistics]) -> Statistics:
    """Return the counts of all parts together."""
    whole = Statistics()
    for part in parts:
        whole.add_all(part)
        if part.drift:
            whole.drift = whole.drift or DriftCounts()
            whole.drift.add_all(part.drift)
    return whole
