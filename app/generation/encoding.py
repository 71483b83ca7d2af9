"""Text to token ids, as text: what is written like a special token is none."""

from collections.abc import Sequence
from itertools import takewhile
from weakref import WeakKeyDictionary

import tokenizers

from app.errors import InvalidInput

SHORT_CHARACTERS = 1_000  # are tokenized in about 1 ms, also on the event loop, which need not wait for its turn again
PIECE_CHARACTERS = 2**15  # of a long text, whose tokens are counted one piece after the other


def encoded(tokenizer: tokenizers.Tokenizer, text: str) -> tokenizers.Encoding:
    """The tokens of a text, without those that the tokenizer adds; of a long one while other threads go on."""
    if len(text) <= SHORT_CHARACTERS:
        return tokenizer.encode(text, add_special_tokens=False)
    # Only this method lets other threads go on meanwhile.
    return tokenizer.encode_batch([text], add_special_tokens=False)[0]


class TooManyTokens(Exception):
    """There are `count`; or more than that, of a text that was not read to its end."""

    def __init__(self, count: int, is_more: bool = False) -> None:
        super().__init__(f"{'more than ' if is_more else ''}{count} tokens")


def counted(tokenizer: tokenizers.Tokenizer, text: str, most: int | None = None) -> tokenizers.Encoding:
    """As `encoded`, without places in the text. Raises TooManyTokens beyond `most`.

    A million ids as numbers, or places as pairs of them, are made and freed in one go, while no other thread runs: of a
    text that is refused for its length there must be none.
    """
    if most is not None:
        _refuse_in_time(tokenizer, text, most)
    encoding = _fast(tokenizer, text)
    if most is not None and len(encoding) > most:
        raise TooManyTokens(len(encoding))
    return encoding


def _fast(tokenizer: tokenizers.Tokenizer, text: str) -> tokenizers.Encoding:
    """Without places in the text."""
    if len(text) <= SHORT_CHARACTERS:
        return tokenizer.encode(text, add_special_tokens=False)
    return tokenizer.encode_batch_fast([text], add_special_tokens=False)[0]


def _refuse_in_time(tokenizer: tokenizers.Tokenizer, text: str, most: int) -> None:
    """Raises TooManyTokens if there are surely more than `most`, before all of a long text is tokenized.

    A token takes a quarter of a kilobyte with its text and its places.
    """
    if len(text) <= PIECE_CHARACTERS:
        return
    count = 0
    for start in range(0, len(text), PIECE_CHARACTERS):
        count += len(_fast(tokenizer, text[start : start + PIECE_CHARACTERS]))
        if count > _surely_more(most):
            raise TooManyTokens(most, is_more=True)


def _surely_more(count: int) -> float:
    """So many tokens of pieces are more than `count` of the whole: each cut adds a few at most."""
    return 1.25 * count + 64


def end_of(tokenizer: tokenizers.Tokenizer, text: str, count: int) -> str:
    """The end of a text, in which its last `count` tokens are what they are in the whole; all of it if it is short."""
    characters = PIECE_CHARACTERS
    while characters < len(text):
        if len(_fast(tokenizer, text[-characters:])) > _surely_more(count):
            return text[-characters:]
        characters *= 4
    return text


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
