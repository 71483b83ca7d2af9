"""The latest answers of one version, counted in the bins of its reference, where they are made."""

import logging
from collections.abc import Sequence
from random import random
from threading import Lock
from time import monotonic
from typing import Any

from app.drift.comparison import MeasuredDrift, drift_of
from app.drift.measures import Measure, measure_of
from app.repository.reference import Reference
from app.tasks.view import Prepared, View
from app.telemetry.drift import AnswerWindow, DriftCounts
from app.tensors import Tensors

log = logging.getLogger(__name__)

MOST_A_SECOND = 50  # answers of a version that are measured: a second of them tells as much as all would


class Draw:
    """Takes all that come or, of more, MOST_A_SECOND by chance. Threads may lose one of another: no matter."""

    def __init__(self) -> None:
        self._seen, self._since, self._share = 0, monotonic(), 1.0

    def takes(self) -> bool:
        """Whether to take one more, by how many came in the last second."""
        self._seen += 1
        if (passed := monotonic() - self._since) >= 1:
            self._share = MOST_A_SECOND * passed / self._seen
            self._seen, self._since = 0, monotonic()
        return self._share >= 1 or random() < self._share


class DriftWatch:
    """Counts answers of a view, from several threads at a time. No answer fails because of it."""

    def __init__(self, name: str, view: View[Any], measure: Measure, reference: Reference) -> None:
        self.counts = counts = DriftCounts()
        self._name, self._view, self._measure = name, view, measure
        self._reference = reference
        self._draw = Draw()
        self._has_failed = False
        self._lock = Lock()
        counts.windows.update({name: AnswerWindow.of(len(bins.counts)) for name, bins in reference.measures.items()})

    def count(self, view: View[Any], item: Any, prepared: Prepared, answers: Sequence[Tensors], output: Any) -> None:
        if view is not self._view or not self._draw.takes():
            return
        try:
            measured = self._measure(item, prepared, answers, output)
            bins = [
                (self.counts.windows[name], one.bin_of(measured[name]))
                for name, one in self._reference.measures.items()
                if name in measured and measured[name] == measured[name]
            ]
        except Exception as error:
            # Once, or whoever can make it fail could fill the log; and without its words, which may be a caller's.
            if not self._has_failed:
                self._has_failed = True
                log.error("an answer of %s could not be measured for drift: %s", self._name, type(error).__name__)
            return
        with self._lock:
            self.counts.answers += 1
            for window, bin in bins:
                window.add(bin)

    def compared(self) -> list[MeasuredDrift]:
        return drift_of(self._reference, self.counts.counts)


def drift_watch(name: str, view: View[Any], reference: Reference | None) -> DriftWatch | None:
    """Return what counts answers of a view of the version of that name. Without a reference, and of a kind that has no
    measures, None.

    A measure of the reference that this service does not know stays without answers.
    """
    measure = measure_of(view) if reference else None
    return DriftWatch(name, view, measure, reference) if measure and reference else None
