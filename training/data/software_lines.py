"""Descriptions of programs and the line that their packagers wrote for each: the lists of Debian, in English.

They are those of the last release of Debian 12, which changes no more. A package is in the split of its source, whose
name without its version decides; what is a near copy of a text in a later split is left out.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from app.repository.manifest import Source
from app.tasks.faithfulness import content_stems
from training.data.fetch.debian import DebianList, fetch_debian_list
from training.data.parallel_texts import near_copies
from training.recipe import Run

RELEASE = "12.15"
DESCRIPTIONS = DebianList(
    "dists_bookworm_main_i18n_Translation-en",
    RELEASE,
    "62f59c3cdca9786e4f7adf9002f9f5729a684adcb4667e58e448dec9b5a46c7f",
)
PACKAGES = DebianList(
    "dists_bookworm_main_binary-amd64_Packages",
    RELEASE,
    "515e692f2c4121c6fcec444ef100cc18f79a991910615f3a88c8b7becfc94d2f",
)
SOURCES = [
    Source(
        name=f"Debian's {part} of packages, main",
        version=one.version,
        licence="that of each package's own files in Debian, mostly free software licences; not verified one by one",
        sha256=one.sha256,
        used_for="training, choice of weights and settings, and test",
    )
    for part, one in (("descriptions", DESCRIPTIONS), ("list", PACKAGES))
]

FEWEST_WORDS, MOST_WORDS = 15, 300  # of a description; fewer are its line once more, and more are manuals
FEWEST_IN_LINE, MOST_IN_LINE = 3, 15
FOUND = 0.5  # of a line's content words: what a description does not say cannot be learned from it
MOST_OF_A_SOURCE = 3  # packages: some have two hundred that differ by a language
MOST_JUDGED = 1_000  # of validation and test each, one of a source
HELD_OUT = {"test": range(0, 5), "validation": range(5, 10)}  # of a hundred parts of all sources
TINY, FEW = 400, 20  # pairs of a tiny run: to learn from, and in each other split

_WITHOUT_CONTENT = re.compile(r"transitional|dummy|meta-?\s?package|debug(?:ging)? symbols", re.IGNORECASE)
_VERSION = re.compile(r"[-_.]?v?\d[\d.]*$")
_ITEM = re.compile(r"\s+[*+-]\s|\s{2,}")


class Described(NamedTuple):
    """A long description, in paragraphs, and the line that stands for it."""

    text: str
    line: str


class Packaged(NamedTuple):
    """A package of a source."""

    source: str
    name: str
    described: Described


@dataclass(frozen=True, slots=True)
class SoftwareLines:
    """The pairs of each split, and how many were left out for which reason."""

    train: list[Described]
    validation: list[Described]
    test: list[Described]
    counts: Mapping[str, int]


def load_software_lines(run: Run) -> SoftwareLines:
    """All of them, or some hundred of each for a tiny run. Raises TrainingError if they cannot be had."""
    found = packaged(fetch_debian_list(PACKAGES), fetch_debian_list(DESCRIPTIONS))
    return in_splits(list(found)[:: 20 if run.tiny else 1], tiny=run.tiny)


def packaged(packages: Path, descriptions: Path) -> Iterator[Packaged]:
    """The packages of a list, with their descriptions, in its order. A description is known by its MD5."""
    texts = {one["Description-md5"]: one["Description-en"] for one in _stanzas(descriptions)}
    for one in _stanzas(packages):
        if described := texts.get(one["Description-md5"]):
            source = one.get("Source", one["Package"]).split()[0]
            yield Packaged(source, one["Package"], as_described(described))


def in_splits(found: Iterable[Packaged], *, tiny: bool = False) -> SoftwareLines:
    """Cleaned, by sources: of one no more than MOST_OF_A_SOURCE, and one in validation and test."""
    counts = Counter[str]()
    splits: dict[str, list[Described]] = {"test": [], "validation": [], "train": []}
    of_source: dict[str, list[Packaged]] = defaultdict(list)
    known = set[str]()
    for one in found:
        counts["read"] += 1
        reason = "the same description" if one.described.text in known else fault_of(one.described)
        known.add(one.described.text)
        if reason:
            counts[reason] += 1
        else:
            of_source[one.source].append(one)
    for source, packages in of_source.items():
        split = split_of(source)
        most = MOST_OF_A_SOURCE if split == "train" else 1
        chosen = sorted(packages, key=lambda one: (one.name != source, len(one.name), one.name))[:most]
        counts["more of a source"] += len(packages) - len(chosen)
        splits[split] += [one.described for one in chosen]
    later = list[Described]()
    for split, pairs in splits.items():
        copies = near_copies([one.text for one in pairs], [one.text for one in later])
        counts[f"near copies of later splits, out of {split}"] = sum(copies)
        kept = [one for one, is_copy in zip(pairs, copies, strict=True) if not is_copy]
        later += pairs
        splits[split] = kept if split == "train" and not tiny else drawn(kept, _most(split, tiny=tiny))
    return SoftwareLines(splits["train"], splits["validation"], splits["test"], dict(counts))


def _most(split: str, *, tiny: bool) -> int:
    return (TINY if split == "train" else FEW) if tiny else MOST_JUDGED


def split_of(source: str) -> str:
    """The split of a source: all versions of it are in one."""
    stem = _VERSION.sub("", source)
    part = int.from_bytes(hashlib.sha256(stem.encode()).digest()[:8]) % 100
    return next((split for split, parts in HELD_OUT.items() if part in parts), "train")


def fault_of(one: Described) -> str:
    """Return why a pair is left out; nothing if it is not."""
    num_words = len(one.text.split())
    if _WITHOUT_CONTENT.search(one.line) or _WITHOUT_CONTENT.search(one.text[:200]):
        return "packages without content of their own"
    if not FEWEST_WORDS <= num_words <= MOST_WORDS:
        return "descriptions too short or too long"
    if not FEWEST_IN_LINE <= len(one.line.split()) <= MOST_IN_LINE:
        return "lines too short or too long"
    stems = content_stems(one.line)
    if len(stems & content_stems(one.text)) < FOUND * max(len(stems), 1):
        return "lines that say what the description does not"
    return ""


def as_described(text: str) -> Described:
    """The line and the paragraphs of a description as Debian writes it; each item of a list is a line of its own."""
    line, *rest = text.split("\n")
    paragraphs: list[list[str]] = [[]]
    for each in rest:
        if each.strip() == ".":
            paragraphs.append([])
        elif _ITEM.match(each):
            paragraphs[-1].append("\n" + each.strip())
        else:
            paragraphs[-1].append(each.strip())
    told = (" ".join(one).replace(" \n", "\n").strip() for one in paragraphs)
    return Described("\n\n".join(one for one in told if one), line.strip())


def drawn(pairs: Sequence[Described], most: int) -> list[Described]:
    """Some, by a seed of their own, in the order in which they are."""
    return [pairs[i] for i in sorted(np.random.default_rng(0).permutation(len(pairs))[:most])]


def _stanzas(path: Path) -> Iterator[dict[str, str]]:
    """Fields of each paragraph of a control file; lines that go on keep their first blank."""
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in block.split("\n"):
            if line.startswith(" "):
                fields[name] += "\n" + line
            elif line:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        if fields:
            yield fields
