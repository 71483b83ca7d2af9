"""Recordings of people with the words that they say, out of packages: prompts of a telephone, and a novel, read."""

import gzip
import re
from pathlib import Path
from typing import NamedTuple

from app.repository.manifest import Source
from training.data.fetch.debian import DebianPackage, fetch_debian
from training.errors import TrainingError

PROMPTS = DebianPackage(
    "asterisk-core-sounds-en-wav",
    "1.6.1-1",
    sha256="2be3ea287d83299d143815fa804f11179a75b7affd4a758b98b55f5afc18a35d",
)
WORDS = DebianPackage(
    "asterisk-core-sounds-en",
    "1.6.1-1",
    sha256="973e797d28e37fa6ca3c0a9d6fa717e77cf1268ae916bf09fd3503113cdffa50",
)
READINGS = DebianPackage(
    "pocketsphinx-testdata",
    "0.8+5prealpha+1-15",
    sha256="eaeb7a01d54f20b799d1a81ef110ec544b2cb47ea006614078220737a33019f0",
)
LEAST_WORDS = 6
_PROMPT = re.compile(r"([\w/-]+): (.+)")
_HAS_MORE = re.compile(r"[\[\]()/<>]|\d")  # remarks, choices, and figures that may be said in several ways
_READING = re.compile(r"<s> (.+?) *</s> \((.+)\)")


class Spoken(NamedTuple):
    """A recording and what is said in it."""

    text: str
    path: Path


PROMPTS_SOURCE = Source(
    name="prompts of Asterisk, spoken by Allison Smith at 8 kHz (Debian: asterisk-core-sounds-en)",
    version=PROMPTS.version,
    licence="CC-BY-SA-3.0",
    sha256=PROMPTS.sha256,
    used_for="test: how many words are recognized",
)
READINGS_SOURCE = Source(
    name='sentences of "Sense and Sensibility", read for LibriVox (Debian: pocketsphinx-testdata)',
    version=READINGS.version,
    licence="BSD-2-Clause, as the package declares",
    sha256=READINGS.sha256,
    used_for="test, and golden examples",
)


def load_prompts() -> list[Spoken]:
    """Prompts of LEAST_WORDS and more, by one speaker, in the order of their texts' list. Raises TrainingError."""
    sounds = fetch_debian(PROMPTS) / "usr/share/asterisk/sounds/en_US_f_Allison"
    listed = fetch_debian(WORDS) / "usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz"
    matches = map(_PROMPT.fullmatch, gzip.decompress(listed.read_bytes()).decode().splitlines())
    found = [Spoken(match[2], sounds / f"{match[1]}.wav") for match in matches if match and _can_be_compared(match[2])]
    return _required([one for one in found if one.path.is_file()], PROMPTS)


def load_readings() -> list[Spoken]:
    """The few sentences of a novel. Raises TrainingError."""
    folder = fetch_debian(READINGS) / "usr/share/pocketsphinx/test/data/librivox"
    matches = map(_READING.fullmatch, (folder / "transcription").read_text(encoding="utf-8").splitlines())
    return _required([Spoken(match[1], folder / f"{match[2]}.wav") for match in matches if match], READINGS)


def _can_be_compared(text: str) -> bool:
    return len(text.split()) >= LEAST_WORDS and not _HAS_MORE.search(text)


def _required(found: list[Spoken], package: DebianPackage) -> list[Spoken]:
    if not found:
        raise TrainingError(f"{package} has no recordings whose words it states")
    return found
