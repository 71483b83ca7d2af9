"""Special tokens that a caller wrote, told from those that a chat template writes."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import tokenizers

from app.generation.encoding import as_text, encoded, special_tokens

# Digits stay what they are in JSON, in upper case and quoted; and a mark with a single 7 cannot overlap itself.
_DIGITS = "01234568"


def unused_mark(texts: Sequence[str]) -> str:
    """Characters that in this order are in none of the texts. They are drawn: nobody can have written them all."""
    while True:
        mark = "7" + "".join(secrets.choice(_DIGITS) for _ in range(15))
        if not any(mark in text for text in texts):
            return mark


def texts_in(value: Any) -> Iterator[str]:
    """All texts in a value as JSON has them, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from texts_in(key)
            yield from texts_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts_in(one)


class _Special(NamedTuple):
    id: int
    start: int
    end: int


class CallersText:
    """Marks special tokens in what callers wrote, by some characters within, and leaves the marks out of the ids.

    A text is marked at its end, too, where a special token may begin that what stands beside it would complete.
    """

    def __init__(self, tokenizer: tokenizers.Tokenizer) -> None:
        self._tokenizer = tokenizer
        # No mark fits into a single character: such a token may stay one, whoever writes it.
        self._special = {id: text for id, text in special_tokens(tokenizer).items() if len(text) > 1}
        self._begins = {text[:n] for text in self._special.values() for n in range(1, len(text))}
        self._ends = {text[n:] for text in self._special.values() for n in range(1, len(text))}
        self._longest = max(map(len, self._special.values()), default=0)

    def marked(self, value: Any, mark: str) -> Any:
        """The value with its texts marked; equal to it if there is nothing to mark."""
        if isinstance(value, str):
            return self._marked_ends(self._marked_within(value, mark), mark)
        if isinstance(value, Mapping):
            # Names of fields are looked up by templates: only what is surely none of them is changed.
            return {self._marked_within(key, mark): self.marked(one, mark) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.marked(one, mark) for one in value]
        return value

    def _marked_within(self, text: str, mark: str) -> str:
        for special in self._special.values():
            while special in text:  # again, as they may overlap
                text = text.replace(special, special[0] + mark + special[1:])
        return text

    def _marked_ends(self, text: str, mark: str) -> str:
        lengths = range(1, min(self._longest, len(text) + 1))
        before = mark if any(text[:n] in self._ends for n in lengths) else ""
        after = mark if any(text[-n:] in self._begins for n in lengths) else ""
        return before + text + after

    def ids(self, clean: str, marked: str, mark: str) -> list[int]:
        """The ids of a text that was written once from values as they came and once from marked ones."""
        encoding = encoded(self._tokenizer, clean)
        real = self._specials(encoded(self._tokenizer, marked))
        without = [_Special(one.id, *(at - len(mark) * marked.count(mark, 0, at) for at in one[1:])) for one in real]
        if marked.replace(mark, "") == clean and without == self._specials(encoding):
            return list(encoding.ids)
        return list(self._pieces(marked, mark, real))

    def _specials(self, encoding: tokenizers.Encoding) -> list[_Special]:
        at = zip(encoding.ids, encoding.offsets, strict=True)
        return [_Special(id, *offsets) for id, offsets in at if id in self._special]

    def _pieces(self, marked: str, mark: str, real: list[_Special]) -> Iterator[int]:
        """Text stands between the special tokens of the template, whatever it looks like."""
        whole = [_Special(-1, 0, 0), *real, _Special(-1, len(marked), len(marked))]
        for before, special in pairwise(whole):
            text = marked[before.end : special.start].replace(mark, "")
            if text:
                yield from encoded(as_text(self._tokenizer), text).ids
            if special.id >= 0:
                yield special.id
