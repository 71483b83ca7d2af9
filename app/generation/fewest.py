"""The fewest tokens that a text can have, known before it is tokenized.

A token stays in memory with its text and its places: a million of them, of a text that is refused for its length, take
half a gigabyte.
"""

import json
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import tokenizers

from app.generation.byte_letters import BYTE_LETTERS, BYTE_TOKENS

# Of one character of NFC: what it is composed of (Unicode 15.1, canonical decompositions; U+1F82 has four).
_MOST_COMPOSED = 4
_SAFETY = 64  # tokens after which a text that is read from its middle has the tokens that it has as a whole


def fewest_tokens(tokenizer: tokenizers.Tokenizer, text: str) -> int:
    """No tokenization of `text` has fewer tokens; 0 where that cannot be known of this kind of tokenizer."""
    most = most_characters(tokenizer)
    if most is None:
        return 0
    return len(text) // (most if text.isascii() else most * _composed(tokenizer))


def end_of(tokenizer: tokenizers.Tokenizer, text: str, count: int) -> str:
    """The end of a text that has at least its last `count` tokens; all of it where that cannot be known."""
    most = most_characters(tokenizer)
    if most is None:
        return text
    characters = (count + _SAFETY) * most * _composed(tokenizer)
    return text[-characters:]


def most_characters(tokenizer: tokenizers.Tokenizer) -> int | None:
    """Of one token; None where a token may stand for any number of them, as one for unknown words does."""
    if tokenizer not in _KNOWN:
        _KNOWN[tokenizer] = _longest(tokenizer) if _keeps_every_character(tokenizer) else None
    return _KNOWN[tokenizer]


def _longest(tokenizer: tokenizers.Tokenizer) -> int:
    return max(map(len, tokenizer.get_vocab(with_added_tokens=True)), default=1)


def _keeps_every_character(tokenizer: tokenizers.Tokenizer) -> bool:
    """Whether each character of a text is a part of one of its tokens, or several of them are."""
    model = tokenizer.model
    if not isinstance(model, tokenizers.models.BPE):
        return False
    before = list(_parts(tokenizer.pre_tokenizer, "pretokenizers"))
    is_byte_level = any(part["type"] == "ByteLevel" for part in before)
    bytes_ = BYTE_LETTERS if is_byte_level else BYTE_TOKENS if model.byte_fallback else ["a token for unknown ones"]
    return (
        tokenizer.get_vocab(with_added_tokens=False).keys() >= set(bytes_)
        and all(_splits_only(part) for part in before)
        and all(_shortens_nothing(part) for part in _parts(tokenizer.normalizer, "normalizers"))
        and not any(token.lstrip or token.rstrip for token in tokenizer.get_added_tokens_decoder().values())
    )


def _splits_only(part: dict[str, Any]) -> bool:
    if part["type"] == "Split":
        return bool(part["behavior"] != "Removed")
    return part["type"] in ("ByteLevel", "Digits", "Metaspace")


def _shortens_nothing(part: dict[str, Any]) -> bool:
    """But for what _composed counts."""
    if part["type"] == "Replace":
        return len(part["content"]) >= len(part["pattern"].get("String", part["content"] + " "))
    return part["type"] in ("NFC", "NFD", "Prepend", "ByteLevel")


def _composed(tokenizer: tokenizers.Tokenizer) -> int:
    return _MOST_COMPOSED if any(part["type"] == "NFC" for part in _parts(tokenizer.normalizer, "normalizers")) else 1


def _parts(whole: Any, name: str) -> Iterator[dict[str, Any]]:
    """The settings of each of a sequence of parts, or of the only one."""
    if whole is not None:
        settings = json.loads(whole.__getstate__())
        yield from settings.get(name, [settings])


# Each goes with its tokenizer.
_KNOWN: WeakKeyDictionary[tokenizers.Tokenizer, int | None] = WeakKeyDictionary()
