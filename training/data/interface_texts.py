"""Texts of an interface with what people wrote for them in another language: Django's own, out of its package."""

import re

from app.repository.manifest import Source
from training.data.catalogues import Pair, in_catalogue
from training.data.fetch.pypi import Package, fetch
from training.errors import TrainingError

PACKAGE = Package("Django", "5.2.8", sha256="37e687f7bd73ddf043e2b6b97cfe02fcbb11f2dbb3adccc6a2b18c6daa054d7f")
SOURCE = Source(
    name="texts of the interface of Django, and their translations",
    version=PACKAGE.version,
    licence="BSD-3-Clause",
    sha256=PACKAGE.sha256,
    used_for="test: how near translations come to those that people wrote",
)
LEAST_WORDS = 4
_HAS_PLACES = re.compile(r"[%{<\n&]")  # what a program fills in, or marks


def load_interface_texts(language: str) -> list[Pair]:
    """All of LEAST_WORDS and more without places to fill in, in the order of the English ones.

    `language` is as Django names it: `pt_BR`. Raises TrainingError if they cannot be had.
    """
    files = sorted(fetch(PACKAGE).glob(f"django/**/locale/{language}/LC_MESSAGES/django.mo"))
    found = {pair for file in files for pair in in_catalogue(file) if _can_be_compared(*pair)}
    if not found:
        raise TrainingError(f"{PACKAGE.name} {PACKAGE.version} has no texts in {language}")
    return sorted(found)


def _can_be_compared(english: str, other: str) -> bool:
    return len(english.split()) >= LEAST_WORDS and english != other and not _HAS_PLACES.search(english)
