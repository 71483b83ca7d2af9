"""Is a version good enough to be published? What speaks against it, in sentences for the terminal and the card."""

from collections.abc import Mapping, Sequence

from app.repository.manifest import Metric
from training.recipe import Better

# What says the same of every input. To be as good as one of these is to have learned nothing.
MAJORITY, POPULARITY, SEASONAL_NAIVE = "majority class", "popularity", "seasonal naive"
NO_COLUMN = "without any column"  # the share of each class, or the mean
TRIVIAL = (MAJORITY, POPULARITY, SEASONAL_NAIVE, NO_COLUMN)

TINY = "It was made by a tiny run, to try the recipe, and has learned next to nothing."

NOT_COMPARED = "How good it is was not measured: it was compared with nothing."


def short_of(metrics: Sequence[Metric], must_reach: Mapping[str, float]) -> list[str]:
    """Return, in words, the figures that are below what they must reach."""
    reached = {metric.name: metric.value for metric in metrics}
    return [
        f"{name} is {reached[name]:.4f} and must be {least:.4f} ({least - reached[name]:.4f} short)"
        for name, least in must_reach.items()
        if not reached[name] >= least  # also catches nan
    ]


def behind(metrics: Sequence[Metric], must_lead: Mapping[str, Better], but: Sequence[str] = ()) -> list[str]:
    """Return, in words, the figures worse than the best baseline but for `but`, or no better than a TRIVIAL one."""
    found = []
    for metric, lead, name, value in _beside_the_best(metrics, must_lead, but):
        trivial = [other for other in TRIVIAL if metric.baselines.get(other) == metric.value]
        if lead < 0:
            found.append(f"{metric.name} is {metric.value:.4g}, and {name} has {value:.4g}")
        elif lead == 0 and trivial:
            found.append(f"{metric.name} is {metric.value:.4g}, and so is that of {trivial[0]}")
    return found


def is_compared(metrics: Sequence[Metric], must_lead: Mapping[str, Better]) -> bool:
    return bool(_beside_the_best(metrics, must_lead, ()))


def level(metrics: Sequence[Metric], must_lead: Mapping[str, Better], but: Sequence[str] = ()) -> list[str]:
    """Return, in words, the figures that equal the best baseline's; the baselines in `but` do not count."""
    return [
        f"{metric.name} is {metric.value:.4g}, and {name} has as much"
        for metric, lead, name, _ in _beside_the_best(metrics, must_lead, but)
        if lead == 0
    ]


def _beside_the_best(
    metrics: Sequence[Metric], must_lead: Mapping[str, Better], but: Sequence[str]
) -> list[tuple[Metric, float, str, float]]:
    """Each metric that must lead, by how much it does, and the name and figure of the best baseline."""
    found = []
    for metric in metrics:
        baselines = {name: value for name, value in metric.baselines.items() if name not in but}
        if metric.name in must_lead and baselines:
            sign = 1 if must_lead[metric.name] == "more" else -1
            name, value = max(baselines.items(), key=lambda one: sign * one[1])
            found.append((metric, sign * (metric.value - value), name, value))
    return found
