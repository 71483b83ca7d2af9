"""The figures of one version in its role: what it was asked, how it failed, how long it took."""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Literal

from app.errors import InvalidInput
from app.serving.disagreement import Difference
from app.telemetry.traffic import TrafficMetrics

Role = Literal["default", "canary", "shadow"]

KEPT_SECONDS = 1000  # of the latest answers: enough for a 99th percentile
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Answers of a shadow that were compared. `dropped` counts, by reason, the requests that it was not asked."""

    answers: int
    disagreed: int
    mean_difference: float | None
    largest_difference: float | None
    dropped: dict[str, int]


@dataclass(frozen=True, slots=True)
class RoleFigures:
    """The deeds of a version in its role since the rule holds here.

    `errors` counts unanswered requests by the type of the error; `failures` are those that were no fault of a caller,
    and all of a shadow, which is only asked what the default has answered.
    `seconds` has the percentiles of the latest answers, by their number; it is empty if there were none. `stood_in`
    counts requests that another version answered in its place.
    """

    role: Role
    version: int
    requests: int
    failures: int
    errors: dict[str, int]
    seconds: dict[int, float]
    stood_in: int
    agreement: Agreement | None


class Figures:
    """Counts what one version does in one role, and tells it to the metrics, too."""

    def __init__(self, model: str, version: int, role: Role, metrics: TrafficMetrics) -> None:
        self.role, self.version = role, version
        self._metrics, self._names = metrics, (model, str(version))
        self._took = metrics.seconds.labels(*self._names, role)
        self._seconds: deque[float] = deque(maxlen=KEPT_SECONDS)
        self._answers = self._stood_in = 0
        self._errors, self._dropped = Counter[str](), Counter[str]()
        self._compared = self._disagreed = self._measured = 0
        self._sum = self._largest = 0.0

    def answered(self, seconds: float) -> None:
        self._answers += 1
        self._seconds.append(seconds)
        self._took.observe(seconds)

    def failed(self, error: Exception) -> None:
        kind = type(error).__name__
        self._errors[kind] += 1
        self._metrics.failures.labels(*self._names, self.role, kind).inc()

    def stood_in(self) -> None:
        """Another version answered in its place."""
        self._stood_in += 1
        self._metrics.stood_in.labels(*self._names).inc()

    def dropped(self, reason: str) -> None:
        self._dropped[reason] += 1
        self._metrics.dropped.labels(*self._names, reason).inc()

    def compared(self, found: Difference) -> None:
        self._compared += 1
        self._metrics.compared.labels(*self._names).inc()
        if found.is_other:
            self._disagreed += 1
            self._metrics.disagreement.labels(*self._names).inc()
        if found.largest is not None:
            self._measured += 1
            self._sum += found.largest
            self._largest = max(self._largest, found.largest)
            self._metrics.difference.labels(*self._names).observe(found.largest)

    def told(self) -> RoleFigures:
        ordered = sorted(self._seconds)
        agreement = Agreement(
            self._compared,
            self._disagreed,
            self._sum / self._measured if self._measured else None,
            self._largest if self._measured else None,
            dict(self._dropped),
        )
        return RoleFigures(
            self.role,
            self.version,
            self._answers + self._errors.total(),
            self._errors.total() - (0 if self.role == "shadow" else self._errors[InvalidInput.__name__]),
            dict(self._errors),
            {each: ordered[min(len(ordered) - 1, each * len(ordered) // 100)] for each in PERCENTILES if ordered},
            self._stood_in,
            agreement if self.role == "shadow" else None,
        )
