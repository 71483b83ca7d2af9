"""Why nothing is published, and what is said to the person who waits."""

import sys
from collections.abc import Sequence


class TrainingError(Exception):
    """Why nothing was published, in one sentence for the person at the terminal."""


def first_line(error: Exception) -> str:
    """Return the first line of an error; other libraries write many."""
    return str(error).strip().partition("\n")[0]


def progress(message: str) -> None:
    """One line for the person who waits."""
    print(message, file=sys.stderr, flush=True)


def say(remarks: Sequence[str]) -> str:
    """Tell each remark to the person who waits, and return them as one paragraph for the card."""
    for remark in remarks:
        progress(remark)
    return " ".join(remarks)
