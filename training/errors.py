"""Why nothing is published, and what is said to the person who waits."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class TrainingError(Exception):
    """Why nothing was published, in one sentence for the person at the terminal."""


def first_line(error: Exception) -> str:
    """Return the first line of an error; other libraries write many."""
    return str(error).strip().partition("\n")[0]


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Whatever other libraries raise within is a TrainingError that begins with `what`.

    It is for files that strangers wrote: libraries that read settings of a wrong type raise errors of any kind.
    """
    try:
        yield
    except TrainingError:
        raise
    except Exception as error:
        raise TrainingError(f"{what}: {' '.join(str(error).split()):.300}") from error


def progress(message: str) -> None:
    """One line for the person who waits."""
    print(message, file=sys.stderr, flush=True)


def say(remarks: Sequence[str]) -> str:
    """Tell each remark to the person who waits, and return them as one paragraph for the card."""
    for remark in remarks:
        progress(remark)
    return " ".join(remarks)
