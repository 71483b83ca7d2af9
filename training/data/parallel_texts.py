"""Texts of programs in two languages: cleaned, in splits of whole packages, and without copies across them.

Translations are those of people who translate programs. What programs fill in or mark is left out.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.repository.manifest import Source
from app.tasks.segmentation.split import split
from training.data.catalogues import Pair
from training.data.parallel_sources import Language, pairs_of, parallel_sources
from training.recipe import Run

LEAST_WORDS = 4  # in English, of what is translated in validation and test
MOST_JUDGED = 1_000  # of them in each, drawn by a seed of their own
MOST_CHARACTERS = 400
ALIKE = 0.5  # the share of word triples, of both together, that near copies have in common
TINY, FEW = 400, 20  # pairs of a tiny run: to learn from, and in each other split
TRIED = {"django-cms", "mayan-edms", "wagtail"}  # the sources of a tiny run: small, and one for each split

_MNEMONIC_ASIDE = re.compile(r"\s*[(（][&_]\w[)）]")  # 文件(&F)
_MNEMONIC = re.compile(r"(?<!\w)[_&](?=\w)|(?<=\w)[&](?=\w)")  # _Save, &Save, E&xit
_PLACES = re.compile(r"[%{}<>\\|@$#~]|\w_\w|&\w+;|://|\.\w+\.|--\w|\s-\w\b")  # filled in, marked, typed
_WORD = re.compile(r"[^\W\d_]+")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_BLANKS = re.compile(r"\s+")
# Characters of a translation for one of English; beyond, one of both says more than the other.
RATIOS: Mapping[Language, tuple[float, float]] = {"de": (0.4, 3.0), "zh": (0.1, 1.2)}
SHORT = 12  # characters of English, of which a translation may have any length


@dataclass(frozen=True, slots=True)
class ParallelTexts:
    """The pairs of each split, English first, and how many were left out for which reason."""

    train: list[Pair]
    validation: list[Pair]
    test: list[Pair]
    sources: Sequence[Source]
    counts: Mapping[str, int]

    def turned(self) -> "ParallelTexts":
        """The same, into English."""
        train, validation, test = (
            [Pair(other, english) for english, other in pairs] for pairs in (self.train, self.validation, self.test)
        )
        return ParallelTexts(train, validation, test, self.sources, self.counts)


def load_parallel_texts(language: Language, run: Run) -> ParallelTexts:
    """Texts in English and `language`; a few hundred for a tiny run. Raises TrainingError if they cannot be had."""
    sources = parallel_sources(language)
    if run.tiny:
        sources = [one for one in sources if one.package.name in TRIED]
    found: dict[str, list[list[Pair]]] = defaultdict(list)
    for source in sources:
        found[source.split].append(list(pairs_of(source, sources, language)))
    return in_splits(found, language, [one.source for one in sources], tiny=run.tiny)


def in_splits(
    found: Mapping[str, Sequence[Iterable[Pair]]], language: Language, sources: Sequence[Source], *, tiny: bool = False
) -> ParallelTexts:
    """The pairs of the packages of each split, cleaned; of an English text only what most packages write for it.

    A text in a split is no near copy of one in a split that comes later: test, then validation, then training.
    """
    counts = Counter[str]()
    kept: list[list[Pair]] = []
    judged = list[str]()
    for name in ("test", "validation", "train"):
        pairs = _agreed([_cleaned(package, language, counts) for package in found.get(name, ())])
        copies = near_copies([pair.text for pair in pairs], judged)
        pairs = [pair for pair, is_copy in zip(pairs, copies, strict=True) if not is_copy]
        counts[f"near copies of texts that are judged by, out of {name}"] = sum(copies)
        judged += [pair.text for pair in pairs]
        if name != "train":
            pairs = _drawn([pair for pair in pairs if len(pair.text.split()) >= LEAST_WORDS], MOST_JUDGED)
        kept.append(_drawn(pairs, TINY if name == "train" else FEW) if tiny else pairs)
    test, validation, train = kept
    return ParallelTexts(train, validation, test, sources, counts)


def clean(pair: Pair, language: Language) -> Pair | str:
    """The pair without mnemonics, or the reason why it is left out."""
    english, other = (_plain(text) for text in pair)
    words = _WORD.findall(english)
    if not any(len(word) > 2 for word in words):
        return "without words"
    if _PLACES.search(english) or _PLACES.search(other):
        return "with places to fill in, marks or commands"
    if english.casefold() == other.casefold():
        return "not translated"
    if max(len(english), len(other)) > MOST_CHARACTERS:
        return "too long"
    if bool(_CHINESE.search(other)) != (language == "zh") or _CHINESE.search(english):
        return "in another language"
    low, high = RATIOS[language]
    if len(english) > SHORT and not low <= len(other) / len(english) <= high:
        return "of unlike lengths"
    return Pair(english, other)


def near_copies(texts: Sequence[str], others: Sequence[str]) -> list[bool]:
    """For each text, whether it shares ALIKE of its word triples, with those of its ends, with one of `others`."""
    places: dict[tuple[str, ...], list[int]] = defaultdict(list)
    sizes = []
    for number, other in enumerate(others):
        triples = _triples(other)
        sizes.append(len(triples))
        for triple in triples:
            places[triple].append(number)

    def is_near(text: str) -> bool:
        triples = _triples(text)
        shared = Counter(number for triple in triples for number in places.get(triple, ()))
        return any(count >= ALIKE * (len(triples) + sizes[number] - count) for number, count in shared.items())

    return [is_near(text) for text in texts]


def _triples(text: str) -> set[tuple[str, ...]]:
    words = ["", *_WORD.findall(text.casefold()), ""]
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))}


def _cleaned(pairs: Iterable[Pair], language: Language, counts: Counter[str]) -> set[Pair]:
    found = set[Pair]()
    for pair in {one for given in pairs for one in _sentences(given)}:
        counts["read"] += 1
        cleaned = clean(pair, language)
        if isinstance(cleaned, str):
            counts[cleaned] += 1
        else:
            found.add(cleaned)
    return found


def _sentences(pair: Pair) -> Iterator[Pair]:
    """Sentence by sentence, as texts are translated, where both have as many."""
    parts = [[text[first:last].strip() for first, last in split(text)] for text in map(_plain, pair)]
    if len(parts[0]) == len(parts[1]) > 1:
        yield from map(Pair, *parts)
    else:
        yield pair


def _agreed(packages: Sequence[set[Pair]]) -> list[Pair]:
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for package in packages:
        for english, other in package:
            votes[english][other] += 1
    return [
        Pair(english, min(votes[english], key=lambda one: (-votes[english][one], one))) for english in sorted(votes)
    ]


def _drawn(pairs: Sequence[Pair], most: int) -> list[Pair]:
    """In the order in which they are."""
    drawn = np.random.default_rng(0).permutation(len(pairs))[:most]
    return [pairs[i] for i in sorted(drawn)]


def _plain(text: str) -> str:
    bare = _MNEMONIC.sub("", _MNEMONIC_ASIDE.sub("", unicodedata.normalize("NFC", text)))
    return _BLANKS.sub(" ", bare).strip()
