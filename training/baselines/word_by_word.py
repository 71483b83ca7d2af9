"""Translation by a dictionary: the longest phrases that were translated as such, else word for word.

The dictionary is that of IBM's first model: Brown et al., "The Mathematics of Statistical Machine Translation", 1993,
https://aclanthology.org/J93-2003. A Chinese character counts as a word.
"""

import re
from collections.abc import Sequence

import numpy as np

from training.data.catalogues import Pair

ROUNDS = 5  # of expectation and maximization
LONGEST_PHRASE = 6  # words
MOST_WORDS = 40  # of a pair that is learned from: the links of a longer one are many and weak
_WORDS = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s]")
_BEFORE_MARK = re.compile(r" (?=[.,;:!?%)\]…])")


class WordByWord:
    """Learned from `pairs`. Words that were not in them stay as they are."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._phrases = {
            tuple(words): pair.translation for pair in pairs if len(words := _words(pair.text)) <= LONGEST_PHRASE
        }
        self._dictionary = _dictionary(pairs)

    def __call__(self, text: str) -> str:
        words, written, at = _words(text), list[str](), 0
        while at < len(words):
            longest = min(LONGEST_PHRASE, len(words) - at)
            known = (size for size in range(longest, 1, -1) if tuple(words[at : at + size]) in self._phrases)
            size = next(known, 0)
            phrase = self._phrases[tuple(words[at : at + size])] if size else self._dictionary.get(words[at], words[at])
            written.append(phrase)
            at += max(1, size)
        return _BEFORE_MARK.sub("", " ".join(written))


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.lower())


def _dictionary(pairs: Sequence[Pair]) -> dict[str, str]:
    """Of each word the one that most probably comes of it."""
    sources, targets = dict[str, int](), dict[str, int]()
    links: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    events = 0
    for pair in pairs:
        read = [sources.setdefault(word, len(sources)) for word in _words(pair.text)]
        written = [targets.setdefault(word, len(targets)) for word in _words(pair.translation)]
        if 0 < len(read) <= MOST_WORDS and 0 < len(written) <= MOST_WORDS:
            place = np.arange(events, events + len(written), dtype=np.int32)
            links.append((np.tile(read, len(written)), np.repeat(written, len(read)), np.repeat(place, len(read))))
            events += len(written)
    if not links:
        return {}
    source, target, place = (np.concatenate(part) for part in zip(*links, strict=True))
    distinct, of_link = np.unique(source.astype(np.int64) * len(targets) + target, return_inverse=True)
    source_of = distinct // len(targets)
    probability = np.ones(len(distinct))
    for _ in range(ROUNDS):
        share = probability[of_link]
        share /= np.bincount(place, share)[place]  # each written word comes of the words that were read
        count = np.bincount(of_link, share)
        probability = count / np.bincount(source_of, count)[source_of]
    best = np.lexsort((probability, source_of))
    last = np.append(np.diff(source_of[best]) > 0, True)  # of each source word, its most probable link
    names, others = list(sources), list(targets)
    return {names[source_of[i]]: others[distinct[i] % len(targets)] for i in best[last]}
