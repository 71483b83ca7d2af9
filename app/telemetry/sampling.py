"""The choice of the requests whose traces are recorded, by the names that OpenTelemetry gives such choices."""

from dataclasses import dataclass

from app.telemetry.trace_context import TraceContext

DIGITS = 16  # the last of a trace id: all who know the ratio decide alike by them


@dataclass(frozen=True, slots=True)
class Sampler:
    """Records a share `ratio` of all traces; if it `follows_parent`, of those that callers begin what they record."""

    ratio: float
    follows_parent: bool

    def records(self, trace_id: str, parent: TraceContext | None) -> bool:
        if parent is not None and self.follows_parent:
            return parent.is_sampled
        return int(trace_id[-DIGITS:], 16) < round(self.ratio * 16.0**DIGITS)


# By the name in OTEL_TRACES_SAMPLER: whether a caller decides, and the share; None is that of OTEL_TRACES_SAMPLER_ARG.
SAMPLERS: dict[str, tuple[bool, float | None]] = {
    "always_on": (False, 1.0),
    "always_off": (False, 0.0),
    "traceidratio": (False, None),
    "parentbased_always_on": (True, 1.0),
    "parentbased_always_off": (True, 0.0),
    "parentbased_traceidratio": (True, None),
}


def sampler_of(name: str, argument: str) -> Sampler:
    """Return the sampler of that name; without an argument the share is 1. Raises ValueError if there is none."""
    if name not in SAMPLERS:
        raise ValueError(f"OTEL_TRACES_SAMPLER is {name!r:.60}; there are: {', '.join(SAMPLERS)}")
    follows_parent, ratio = SAMPLERS[name]
    if ratio is not None:
        if argument:
            raise ValueError(f"OTEL_TRACES_SAMPLER_ARG is {argument!r:.60}, and the sampler {name} takes none")
        return Sampler(ratio, follows_parent)
    try:
        ratio = float(argument or 1)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        raise ValueError(f"OTEL_TRACES_SAMPLER_ARG is {argument!r:.60}, and must be a share from 0 to 1")
    return Sampler(ratio, follows_parent)
