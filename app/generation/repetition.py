"""Text that has begun to go round in circles. Knows token ids only."""

from collections.abc import Sequence

LOOKED_AT = 64
"""Tokens: four times the longest circle."""
PERIODS = range(4, 17)
"""Tokens of a circle. Shorter ones are found by their multiples."""


def repeats(ids: Sequence[int]) -> bool:
    """Return whether the last 64 of `ids` are one piece of 4 to 16 tokens, over and over. The last may be cut short."""
    if len(ids) < LOOKED_AT:
        return False
    last = ids[-LOOKED_AT:]
    return any(last[period] == last[0] and last[period:] == last[:-period] for period in PERIODS)
