"""Metrics of events: how many were written or refused, and how long they waited."""

from collections import Counter as Counts
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Summary


class EventMetrics:
    """The metrics of the events that one service is sent, in its registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.stored = Counter("tessera_events", "Events acknowledged, by kind", ["kind"], registry=registry)
        self.refused = Counter(
            "tessera_events_refused", "Events that were not stored, by reason", ["reason"], registry=registry
        )
        self.waiting = Gauge("tessera_events_waiting", "Events that wait to be written", registry=registry)
        self.write_seconds = Summary(
            "tessera_event_write_seconds", "Time from when an event was read until it was stored", registry=registry
        )
        self.answers_dropped = Counter(
            "tessera_answers_dropped", "Answers that were to be kept and were not", registry=registry
        )

    def written(self, kinds: Sequence[str], seconds: float) -> None:
        """Events of one request were stored, that long after they had been read."""
        for kind, count in Counts(kinds).items():
            self.stored.labels(kind).inc(count)
        if kinds:
            self.write_seconds.observe(seconds)
