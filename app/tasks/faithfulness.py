"""Checks of a written sentence against the text that it is about: numbers, names, words, negations. English only.

They find what is not there, as far as words tell it; what is there but said of somebody else they do not find. After
Nan et al. 2021 (entities), Zhao et al. 2020 (quantities), and Maynez et al. 2020 for what overlap cannot tell.
"""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from app.tasks.faithful_words import FUNCTION_WORDS, IRREGULAR, NEGATIONS, OPPOSITES
from app.tasks.quantities import quantities, unsupported_quantities
from app.tasks.segmentation.words import words

ENOUGH_RECALL = 0.6  # of a sentence's content words in its two best source sentences
ENGLISH = 0.2  # of an English text's words, at least, are function words; it is mostly .4

_NAME = re.compile(r"(?:[^\W\d_]\.){2,}|[^\W\d_][\w&]*(?:[-'’.][^\W_]\w*)*")
_PREFIXES = ("un", "dis", "non", "in", "im", "ir", "il")
_SUFFIXES = ("ingly", "edly", "ing", "ies", "ied", "ed", "ly", "es", "s")


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A word in lower case without its commonest endings, so that its forms are one: rejects, rejected, rejecting."""
    word = word.casefold().replace("’", "'").removesuffix("'s").rstrip("'")
    word = IRREGULAR.get(word, word)
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            word = word.removesuffix(suffix) + ("y" if suffix in ("ies", "ied") else "")
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def content_stems(text: str) -> frozenset[str]:
    """Stems of the words that say something; no function words, no numbers."""
    parts = (part for word in words(text) for part in re.split(r"[-–—/]", word))
    return frozenset(stem(part) for part in parts if part[:1].isalpha() and part not in FUNCTION_WORDS)


def is_english(text: str) -> bool:
    """Whether the checks can judge such a text: enough of its words are English function words."""
    found = [word for word in words(text) if word[0].isalpha()]
    return sum(word in FUNCTION_WORDS for word in found) >= ENGLISH * max(len(found), 1)


def name_spans(sentence: str) -> list[list[str]]:
    """Runs of capitalised words and acronyms, each word in lower case; not the first word of a sentence or quotation,
    unless what follows it is of the same name."""
    spans: list[list[str]] = []
    end, is_first = 0, True
    for match in _NAME.finditer(sentence):
        word = match.group()
        opens = is_first or re.search(r"[\"“”‘:;.!?(]\s*$", sentence[: match.start()]) is not None
        is_first = False
        is_acronym = sum(map(str.isupper, word)) > 1
        is_name = (word[0].isupper() or is_acronym) and word.casefold() not in FUNCTION_WORDS
        if not is_name:
            continue
        if spans and sentence[end : match.start()] == " ":
            spans[-1].append(_plain(word))
        else:
            spans.append([_plain(word)])
            if opens and not is_acronym:
                spans[-1].insert(0, "")  # a name only if more of it follows
        end = match.end()
    return [[word for word in span if word] for span in spans if span[0] or len(span) > 2]


def _plain(name: str) -> str:
    name = name.casefold().replace("’", "'").removesuffix("'s").rstrip("'")
    return name.replace(".", "")


class Facts(NamedTuple):
    """The facts of a text, by sentence and as a whole."""

    stems: Sequence[frozenset[str]]
    negated: Sequence[bool]
    quantities: Sequence[frozenset[str]]
    names: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    """Of words that stand side by side."""


def source_of(sentences: Sequence[str]) -> Facts:
    names: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    for sentence in sentences:
        found = [_singular(_plain(match.group())) for match in _NAME.finditer(sentence)]
        names.update(found)
        names.update(_singular(part) for name in found for part in name.split("-"))
        pairs.update(pairwise(found))
    return Facts(
        [content_stems(sentence) for sentence in sentences],
        [is_negated(sentence) for sentence in sentences],
        [quantities(sentence) for sentence in sentences],
        frozenset(names),
        frozenset(pairs),
    )


def _singular(name: str) -> str:
    return name.removesuffix("s") if len(name) > 3 else name


def unsupported_names(sentence: str, source: Facts) -> list[str]:
    """Names that the text has not, or not side by side as they are here."""
    missing = []
    for span in name_spans(sentence):
        known = [_singular(word) for word in span]
        lone = [word for word, one in zip(span, known, strict=True) if not _has(one, source.names)]
        apart = [pair for pair in pairwise(known) if pair not in source.pairs]
        if lone or apart:
            missing.append(" ".join(lone or span))
    return missing


def _has(name: str, names: Collection[str]) -> bool:
    return name in names or ("-" in name and all(_singular(part) in names for part in name.split("-")))


def is_negated(text: str) -> bool:
    found = words(text)
    return any(word in NEGATIONS or word.replace("’", "'").endswith("n't") for word in found)


def support(sentence: str, source: Facts) -> tuple[tuple[int, ...], float]:
    """The source sentence with most of its content words, and that with most of the rest; and the share they have."""
    wanted = content_stems(sentence)
    if not wanted or not source.stems:
        return (), 0.0
    first = max(range(len(source.stems)), key=lambda i: len(wanted & source.stems[i]))
    left = wanted - source.stems[first]
    second = max(range(len(source.stems)), key=lambda i: len(left & source.stems[i]))
    more = left & source.stems[second]
    found = (first, second) if more else (first,)
    if not wanted & source.stems[first]:
        return (), 0.0
    return found, 1 - len(left - more) / len(wanted)


def is_reversed(sentence: str, stems: frozenset[str], negated: bool) -> bool:
    """Whether it says the opposite of what has these stems: one alone is negated, or it has a word's opposite."""
    if is_negated(sentence) != negated:
        return True
    for one in content_stems(sentence) - stems:
        if any(opposite in stems for opposite in OPPOSITE_STEMS.get(one, ())):
            return True
        if any(prefix + one in stems or one.removeprefix(prefix) in stems - {one} for prefix in _PREFIXES):
            return True
    return False


OPPOSITE_STEMS: dict[str, set[str]] = {}
for _left, _right in OPPOSITES:
    for _one in _left:
        OPPOSITE_STEMS.setdefault(stem(_one), set()).update(map(stem, _right))
    for _one in _right:
        OPPOSITE_STEMS.setdefault(stem(_one), set()).update(map(stem, _left))


ABOUT_TEXTS = frozenset(map(stem, ("text", "summary", "article", "passage")))
"""Words of sentences that tell of the text, and not what it tells."""


class Check(NamedTuple):
    """`support` are indices of source sentences, `unsupported` numbers that these and names that the text has not."""

    passes: bool
    support: tuple[int, ...]
    unsupported: list[str]


def check(sentence: str, source: Facts) -> Check:
    found, recall = support(sentence, source)
    # A number of the text is no fact where it is said of something else.
    known: frozenset[str] = frozenset().union(*(source.quantities[i] for i in found))
    unsupported = [*unsupported_quantities(sentence, known), *unsupported_names(sentence, source)]
    stems = source.stems[found[0]] if found else frozenset()
    is_of_text = content_stems(sentence) & ABOUT_TEXTS <= stems
    reversed_ = is_reversed(sentence, stems, any(source.negated[i] for i in found))
    return Check(recall >= ENOUGH_RECALL and is_of_text and not unsupported and not reversed_, found, unsupported)
