"""Metrics of versions among which callers are divided. They have no lines but for models with a rule on traffic."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

DIFFERENCE = (0.0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)


class TrafficMetrics:
    """`role` is default, canary or shadow. What a shadow does is told here alone, apart from what callers see."""

    def __init__(self, registry: CollectorRegistry, answer_s: Sequence[float]) -> None:
        """`answer_s` are the bounds of the seconds that answers take."""
        of_role, one = ["model", "version", "role"], ["model", "version"]
        self.seconds = Histogram(
            "tessera_traffic_seconds",
            "From the question to the answer of a version, by its role in the rule on traffic",
            of_role,
            buckets=answer_s,
            registry=registry,
        )
        self.failures = Counter(
            "tessera_traffic_failures",
            "Questions that a version did not answer, by its role and the type of the error",
            [*of_role, "error"],
            registry=registry,
        )
        self.stood_in = Counter(
            "tessera_traffic_stood_in",
            "Requests that another version answered, since this one could not",
            one,
            registry=registry,
        )
        self.compared = Counter(
            "tessera_shadow_compared", "Answers of a shadow compared with those of the default", one, registry=registry
        )
        self.disagreement = Counter(
            "tessera_shadow_disagreement",
            "Answers of a shadow that say something else than those of the default",
            one,
            registry=registry,
        )
        self.difference = Histogram(
            "tessera_shadow_difference",
            "Largest difference of a score of a shadow's answer, or of a number, as a share of the largest",
            one,
            buckets=DIFFERENCE,
            registry=registry,
        )
        self.dropped = Counter(
            "tessera_shadow_dropped",
            "Requests of its share that a shadow was not asked, or not in time, by reason",
            [*one, "reason"],
            registry=registry,
        )
