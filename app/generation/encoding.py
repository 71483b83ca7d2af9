"""Text to token ids, as text: what is written like a special token is none."""

from collections.abc import Sequence
from itertools import takewhile
from weakref import WeakKeyDictionary

import tokenizers

from app.errors import InvalidInput
from app.generation.fewest import fewest_tokens

SHORT_CHARACTERS = 1_000  # are tokenized in about 1 ms, also on the event loop, which need not wait for its turn again


def encoded(tokenizer: tokenizers.Tokenizer, text: str) -> tokenizers.Encoding:
    """The tokens of a text, without those that the tokenizer adds; of a long one while other threads go on."""
    if len(text) <= SHORT_CHARACTERS:
        return tokenizer.encode(text, add_special_tokens=False)
    # Only this method lets other threads go on meanwhile.
    return tokenizer.encode_batch([text], add_special_tokens=False)[0]


class TooManyTokens(Exception):
    """There are `count`, or more if they were not all counted."""

    def __init__(self, count: int, is_least: bool = False) -> None:
        super().__init__(count)
        self.count = count
        self.is_least = is_least

    def __str__(self) -> str:
        return f"{'at least ' if self.is_least else ''}{self.count} tokens"


def counted(tokenizer: tokenizers.Tokenizer, text: str, most: int | None = None) -> tokenizers.Encoding:
    """As `encoded`, without places in the text. Raises TooManyTokens beyond `most`.

    A million ids as numbers, or places as pairs of them, are made and freed in one go, while no other thread runs: of a
    text that is refused for its length there must be none. Nor is one tokenized that is too long by its characters.
    """
    if most is not None and (fewest := fewest_tokens(tokenizer, text)) > most:
        raise TooManyTokens(fewest, is_least=True)
    if len(text) <= SHORT_CHARACTERS:
        encoding = tokenizer.encode(text, add_special_tokens=False)
    else:
        (encoding,) = tokenizer.encode_batch_fast([text], add_special_tokens=False)
    if most is not None and len(encoding) > most:
        raise TooManyTokens(len(encoding))
    return encoding


def encode(tokenizer: tokenizers.Tokenizer, text: str, most: int | None = None) -> list[int]:
    """The ids of a prompt that goes on as it ends, after what the tokenizer puts before every text.

    Raises InvalidInput for what is not Unicode text, and TooManyTokens where the text has more than `most`.
    """
    check_is_text(text)
    ids: Sequence[int] = counted(tokenizer, text, most).ids
    if not special_tokens(tokenizer).keys().isdisjoint(ids):
        ids = counted(as_text(tokenizer), text, most).ids
    # What is put behind a text would be its end: no beginning to go on from.
    begun = tokenizer.encode(".")
    is_put = zip(begun.ids, begun.special_tokens_mask, strict=True)
    return [*(id for id, _ in takewhile(lambda pair: pair[1], is_put)), *ids]


def check_is_text(text: str) -> None:
    """Raises InvalidInput for half a character, which JSON may have; Unicode text, and so a tokenizer, may not."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"is not Unicode text: half a surrogate pair at character {error.start}") from error


def special_tokens(tokenizer: tokenizers.Tokenizer) -> dict[int, str]:
    """Special tokens as they are written, by id. Others that were added, `<think>` say, are text with ids."""
    return {id: token.content for id, token in tokenizer.get_added_tokens_decoder().items() if token.special}


def as_text(tokenizer: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """A copy that reads no special token in a text. To make one takes a tenth of a second, in which nothing else runs.

    So it is made while its model is loaded.
    """
    copy = _COPIES.get(tokenizer)
    if copy is None:
        copy = tokenizers.Tokenizer.from_str(tokenizer.to_str())
        copy.encode_special_tokens = True
        _COPIES[tokenizer] = copy
    return copy


# Each goes with the tokenizer that it was made of.
_COPIES: WeakKeyDictionary[tokenizers.Tokenizer, tokenizers.Tokenizer] = WeakKeyDictionary()
