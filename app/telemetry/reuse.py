"""Metrics of answers that are given again: how many, and what they take."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from app.telemetry.told_by import ToldBy


class ReuseMetrics:
    """The metrics of all answers that are kept, in a registry; there are none where none are kept."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def begin(self, num_bytes: Callable[[], float], num_evicted: Callable[[], float]) -> None:
        """Answers are kept from now on, in so many bytes."""
        self.items = Counter(
            "tessera_cache_items",
            "Items by where their answer came from: kept, shared with another request, or computed",
            ["model", "version", "outcome"],
            registry=self._registry,
        )
        self.bytes = Gauge("tessera_cache_bytes", "Memory of answers that are kept", registry=self._registry)
        self.bytes.set_function(num_bytes)
        self._registry.register(ToldBy("tessera_cache_evicted", "Answers that had to go for others", num_evicted))
