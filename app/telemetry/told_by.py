"""A counter of the metrics that somebody else counts."""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector


class ToldBy(Collector):
    """Asks `count` each time that the metrics are read."""

    def __init__(self, name: str, about: str, count: Callable[[], float]) -> None:
        self._name, self._about, self._count = name, about, count

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(self._name, self._about, self._count())
