"""Texts of an interface with what people wrote for them in another language: Django's own, out of its package."""

import re
from gettext import GNUTranslations
from typing import NamedTuple

from app.repository.manifest import Source
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


class Pair(NamedTuple):
    """A text and its translation by people."""

    text: str
    translation: str


def load_interface_texts(language: str) -> list[Pair]:
    """All of LEAST_WORDS and more without places to fill in, in the order of the English ones.

    `language` is as Django names it: `pt_BR`. Raises TrainingError if they cannot be had.
    """
    found = set[Pair]()
    for file in sorted(fetch(PACKAGE).glob(f"django/**/locale/{language}/LC_MESSAGES/django.mo")):
        with file.open("rb") as opened:
            catalog: dict[object, object] = vars(GNUTranslations(opened))["_catalog"]
        for key, written in catalog.items():
            english = key.rpartition("\x04")[2] if isinstance(key, str) else ""  # a context may stand before it
            if isinstance(written, str) and _can_be_compared(english, written):
                found.add(Pair(english, written))
    if not found:
        raise TrainingError(f"{PACKAGE.name} {PACKAGE.version} has no texts in {language}")
    return sorted(found)


def _can_be_compared(english: str, other: str) -> bool:
    return len(english.split()) >= LEAST_WORDS and english != other and not _HAS_PLACES.search(english)
