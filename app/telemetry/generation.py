"""Metrics of models that write text: waits, tokens by phase, answers in flight."""

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

# In seconds. Each bound is a line for each model, so there are no more than tell something.
FIRST_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BETWEEN_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1)
ONE = ["model", "version"]


class GenerationMetrics:
    """The metrics of all models that write text, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.queue_seconds = Histogram(
            "tessera_generation_queue_seconds", "Time until a prompt began to be read", ONE, buckets=FIRST_S,
            registry=registry,
        )  # fmt: skip
        self.first_token_seconds = Histogram(
            "tessera_first_token_seconds", "Time until the first token of an answer", ONE, buckets=FIRST_S,
            registry=registry,
        )  # fmt: skip
        self.between_seconds = Histogram(
            "tessera_between_tokens_seconds", "Time of a step, which gives each answer in flight a token", ONE,
            buckets=BETWEEN_S, registry=registry,
        )  # fmt: skip
        self.tokens = Counter(
            "tessera_tokens", "Tokens: read of prompts, cached of them, and written", [*ONE, "phase"], registry=registry
        )
        self.step_rows = Summary(
            "tessera_step_rows", "Rows of a step: answers, or beams of them, that got a token", ONE, registry=registry
        )
        self.ended = Counter(
            "tessera_generations_ended", "Answers that did not come to their end, by where they were and why",
            [*ONE, "phase", "reason"], registry=registry,
        )  # fmt: skip
        self.in_flight = Gauge("tessera_generations_in_flight", "Answers being generated", ONE, registry=registry)
        self.known_tokens = Gauge(
            "tessera_known_tokens", "Tokens whose keys and values are in memory", ONE, registry=registry
        )


@dataclass(frozen=True, slots=True)
class GenerationObserver:
    """The counts that one model version reports which writes text."""

    metrics: GenerationMetrics
    model: str
    version: str

    def watch(self, in_flight: Callable[[], int], known_tokens: Callable[[], int]) -> None:
        self.metrics.in_flight.labels(self.model, self.version).set_function(in_flight)
        self.metrics.known_tokens.labels(self.model, self.version).set_function(known_tokens)

    def unload(self) -> None:
        for gauge in (self.metrics.in_flight, self.metrics.known_tokens):
            gauge.labels(self.model, self.version).set_function(float)  # or its child keeps the model in memory
            gauge.remove(self.model, self.version)

    def stepped(self, answers: int, rows: int, seconds: float) -> None:
        """Each of so many answers got a token, or one for each of its beams: these are rows."""
        self.metrics.step_rows.labels(self.model, self.version).observe(rows)
        self.metrics.between_seconds.labels(self.model, self.version).observe(seconds)
        self.metrics.tokens.labels(self.model, self.version, "written").inc(answers)

    def read(self, tokens: int) -> None:
        """Tokens of a prompt were read."""
        self.metrics.tokens.labels(self.model, self.version, "read").inc(tokens)

    def began(self, cached_tokens: int, queue_s: float) -> None:
        """A prompt began to be read, of which some tokens were known."""
        self.metrics.queue_seconds.labels(self.model, self.version).observe(queue_s)
        self.metrics.tokens.labels(self.model, self.version, "cached").inc(cached_tokens)

    def first_token(self, seconds: float) -> None:
        self.metrics.first_token_seconds.labels(self.model, self.version).observe(seconds)

    def ended(self, phase: str, reason: str) -> None:
        """An answer ended before its end, while it was in this phase: queue, read or write."""
        self.metrics.ended.labels(self.model, self.version, phase, reason).inc()
