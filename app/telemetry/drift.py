"""The counts by which the latest answers of a version are compared with those of its training, and the metrics."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

HALF = 1000  # answers: a window has this many of the latest to twice as many, once there are so many


@dataclass(slots=True)
class AnswerWindow:
    """Counts of the latest answers by bin, in two halves: when the newer one is full, the older one is forgotten."""

    newer: list[int]
    older: list[int]
    room: int = HALF

    @classmethod
    def of(cls, bins: int) -> "AnswerWindow":
        return cls([0] * bins, [0] * bins)

    def add(self, bin: int) -> None:
        self.newer[bin] += 1
        self.room -= 1
        if not self.room:
            self.newer, self.older, self.room = [0] * len(self.newer), self.newer, HALF

    @property
    def counts(self) -> list[int]:
        return [one + other for one, other in zip(self.newer, self.older, strict=True)]

    def __deepcopy__(self, memo: dict[int, Any]) -> "AnswerWindow":
        """By whole lists: number by number it would take ten times as long, each time that somebody asks for status."""
        return AnswerWindow(self.newer.copy(), self.older.copy(), self.room)


@dataclass(slots=True)
class DriftCounts:
    """`answers` that were measured since the version was loaded, and a window for each measure of its reference."""

    answers: int = 0
    windows: dict[str, AnswerWindow] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, list[int]]:
        """Return the counts of each measure by bin."""
        return {name: window.counts for name, window in self.windows.items()}

    def add_all(self, other: "DriftCounts") -> None:
        """Add the windows of the same version in another process."""
        self.answers += other.answers
        for name, window in other.windows.items():
            known = self.windows.setdefault(name, AnswerWindow.of(len(window.newer)))
            known.older = [one + more for one, more in zip(known.older, window.counts, strict=True)]


class Drifted(Protocol):
    """A measure, and how far it has drifted; None where that is not known."""

    @property
    def measure(self) -> str: ...
    @property
    def answers(self) -> int: ...
    @property
    def psi(self) -> float | None: ...
    @property
    def ks(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class WatchedDrift:
    """The counts of a version, and what they come to when they are compared."""

    counts: DriftCounts
    compared: Callable[[], Sequence[Drifted]]


class DriftMetrics(Collector):
    """Compares when it is asked for metrics. A version without a reference has no lines."""

    def __init__(self) -> None:
        self.watched: dict[tuple[str, str], WatchedDrift] = {}

    def collect(self) -> Iterator[Metric]:
        one = ["model", "version"]
        of_all = CounterMetricFamily("tessera_drift_answers", "Answers measured for drift", labels=one)
        of_each = [*one, "measure"]
        in_window = GaugeMetricFamily(
            "tessera_drift_window_answers", "Latest answers of which a measure is compared", labels=of_each
        )
        psi = GaugeMetricFamily(
            "tessera_drift_psi", "Population stability index of the latest answers beside training", labels=of_each
        )
        ks = GaugeMetricFamily(
            "tessera_drift_ks",
            "Least that the Kolmogorov-Smirnov statistic of the latest answers beside training can be",
            labels=of_each,
        )
        for (model, version), watched in self._now().items():
            of_all.add_metric([model, version], watched.counts.answers)
            for drifted in watched.compared():
                labels = [model, version, drifted.measure]
                in_window.add_metric(labels, drifted.answers)
                if drifted.psi is not None:
                    psi.add_metric(labels, drifted.psi)
                if drifted.ks is not None:
                    ks.add_metric(labels, drifted.ks)
        yield from (of_all, in_window, psi, ks)

    def _now(self) -> Mapping[tuple[str, str], WatchedDrift]:
        return dict(self.watched)
