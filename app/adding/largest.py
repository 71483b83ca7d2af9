"""The largest number at which something works."""

from collections.abc import Callable


def largest(works: Callable[[int], bool], least: int, most: int) -> int:
    """Return the largest number from `least`, at which it works, to `most`, if it does below and does not above."""
    if works(most):
        return most
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if works(middle) else (least, middle)
    return least
