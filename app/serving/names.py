"""Suggestions for a name that no model has."""

from collections.abc import Collection
from difflib import get_close_matches
from functools import lru_cache
from heapq import nlargest
from itertools import pairwise

from app.errors import ModelNotFound

MOST_LISTED = 5  # names in one message
MOST_NEAR = 3  # of more, the nearest
LONGEST_COMPARED = 80  # characters of a name: no model's is longer
MOST_COMPARED = 50  # by difflib, which takes some 10 microseconds a name


def no_such_model(name: str, known: Collection[str]) -> ModelNotFound:
    """An error that names the models that there are, or of many the few whose names are nearest to `name`."""
    if len(known) <= MOST_LISTED:
        return ModelNotFound(f"no model {name!r:.80}; there are: {', '.join(sorted(known)) or 'none'}")
    near = _nearest(name[:LONGEST_COMPARED], known)
    among = f"; of {len(known)} the nearest: {', '.join(near)}" if near else f" among {len(known)}"
    return ModelNotFound(f"no model {name!r:.80}{among}", has_more=True)


def not_served(name: str, served: Collection[str]) -> ModelNotFound:
    """An error for a model that may well be in the repository, but not among those that are served here."""
    among = ", ".join(sorted(served)[:MOST_LISTED]) + (", …" if len(served) > MOST_LISTED else "")
    return ModelNotFound(f"model {name!r:.80} is not served here, where TESSERA_MODELS names {among}")


def no_such_version(name: str, version: int, known: Collection[int]) -> ModelNotFound:
    """An error that names the newest versions that there are."""
    newest = sorted(known)[-MOST_LISTED:]
    there = "there are" if len(known) <= MOST_LISTED else f"the newest of {len(known)}"
    return ModelNotFound(f"no version {version} of model {name}; {there}: {', '.join(map(str, newest)) or 'none'}")


def _nearest(name: str, known: Collection[str]) -> list[str]:
    asked = _pairs(name)
    compared = nlargest(MOST_COMPARED, sorted(known), key=lambda one: len(asked & _pairs(one)))
    return get_close_matches(name, compared, MOST_NEAR)


@lru_cache(maxsize=10_000)  # names of models, asked for again and again
def _pairs(name: str) -> frozenset[tuple[str, str]]:
    """The neighbouring letters of a name: cheap to compare, and alike if the names are."""
    return frozenset(pairwise(name))
