"""Does an answer equal the one that is known? Numbers within a tolerance, the rest exactly."""

from typing import Any


def difference(expected: Any, actual: Any, tolerance: float, where: str = "output") -> str | None:
    """The first place in which two JSON values differ, in words; None if they are equal."""
    if isinstance(expected, dict) and isinstance(actual, dict) and expected.keys() == actual.keys():
        pairs = [(f"{where}.{key}", expected[key], actual[key]) for key in expected]
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = [(f"{where}.{i}", a, b) for i, (a, b) in enumerate(zip(expected, actual, strict=True))]
    elif _is_number(expected) and _is_number(actual):
        close = abs(expected - actual) <= tolerance  # also false for nan
        return None if close else f"{where} is {actual:.6g}, expected {expected:.6g} within {tolerance:g}"
    else:
        same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)  # True == 1
        return None if same else f"{where} is {actual!r:.80}, expected {expected!r:.80}"
    return next((found for path, a, b in pairs if (found := difference(a, b, tolerance, path))), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
