"""A short way through BERT's tokenizer for texts of plain ASCII, word by word."""

import json
import re
from functools import lru_cache
from typing import Any

from tokenizers import Tokenizer

ASCII_WORD = re.compile(r"[0-9A-Za-z]+|[!-/:-@\[-`{-~]")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
NO_ASCII = re.compile(r"\[[^\x00-\x7f]+(-[^\x00-\x7f]+)*\]")  # a class of characters that has none of ASCII
# Of words that are not in the vocabulary the parts are kept, for so many, and if they are no longer than this.
MOST_KEPT, LONGEST_KEPT = 4096, 40


class AsciiBert:
    """Ids of a text, with those that the model adds: what `tokenizer` says, in a fraction of the time.

    BERT lowers the case, removes accents, cuts at spaces and around every punctuation mark, and looks each word up by
    itself (Devlin et al., 2018). In plain ASCII that takes one regular expression; most words are in the vocabulary as
    they stand, and the parts of the others are the tokenizer's to find.
    """

    def __init__(self, tokenizer: Tokenizer, *, lowers_case: bool) -> None:
        self._vocabulary: dict[str, int] = tokenizer.get_vocab(with_added_tokens=False)
        self._lowers_case = lowers_case
        self._parts = lru_cache(MOST_KEPT)(lambda word: tokenizer.encode(word, add_special_tokens=False).ids)
        self._added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
        letter = tokenizer.encode("a")
        place = letter.special_tokens_mask.index(0)
        self._first, self._last = letter.ids[:place], letter.ids[place + 1 :]

    def ids(self, text: str) -> list[int] | None:
        """None if a text is not that plain: other characters, very long words, or the name of a token like [MASK]."""
        if not text.isascii() or CONTROL.search(text) or any(token in text for token in self._added):
            return None
        ids = self._first.copy()
        for word in ASCII_WORD.findall(text.lower() if self._lowers_case else text):
            known = self._vocabulary.get(word)
            if known is not None:
                ids.append(known)
            elif len(word) <= LONGEST_KEPT:
                ids += self._parts(word)
            else:
                return None
        ids += self._last
        return ids


def ascii_bert_of(tokenizer: Tokenizer) -> AsciiBert | None:
    """None for a tokenizer that is not BERT's, or does more to ASCII than BERT's does."""
    described = json.loads(tokenizer.to_str())
    *before, last = _steps(described["normalizer"])
    if (
        described["model"]["type"] == "WordPiece"
        and described["pre_tokenizer"] == {"type": "BertPreTokenizer"}
        and last.get("type") == "BertNormalizer"
        and last["clean_text"]
        and all(map(_leaves_ascii_alone, before))
        and tokenizer.token_to_id("a") is not None
        and tokenizer.encode("a").special_tokens_mask.count(0) == 1  # what is added stands around the text
    ):
        return AsciiBert(tokenizer, lowers_case=last["lowercase"])
    return None


def _steps(normalizer: dict[str, Any] | None) -> list[dict[str, Any]]:
    if normalizer is None:
        return [{}]
    return (normalizer["normalizers"] or [{}]) if normalizer["type"] == "Sequence" else [normalizer]


def _leaves_ascii_alone(step: dict[str, Any]) -> bool:
    return step["type"] == "Replace" and bool(NO_ASCII.fullmatch(step["pattern"].get("Regex", "")))
