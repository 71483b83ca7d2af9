"""Metrics that other processes count, told beside our own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

OWN = ("tessera_build", "tessera_log_lines_dropped", "tessera_requests_in_flight")  # of whoever answers HTTP


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The families of a registry, each with the samples that `others` have of it, which name the replica."""

    registry: CollectorRegistry
    others: Callable[[], Mapping[str, Sequence[Metric]]] = dict
    """Return the families of each replica, by its name."""

    def collect(self) -> Iterator[Metric]:
        """Return each family once, as the formats of Prometheus ask for."""
        families = {one.name: one for one in self.registry.collect()}
        for replica, metrics in self.others().items():
            for metric in metrics:
                known = families.setdefault(
                    metric.name, Metric(metric.name, metric.documentation, metric.type, metric.unit)
                )
                known.samples += [_of(replica, sample) for sample in metric.samples]
        yield from families.values()


def sendable(registry: CollectorRegistry) -> list[Metric]:
    """Return the families that have samples, but for those which only a front has."""
    return [one for one in registry.collect() if one.samples and one.name not in OWN]


def _of(replica: str, sample: Sample) -> Sample:
    return sample._replace(labels={**sample.labels, "replica": replica})
