"""Text to token ids, as text: what is written like a special token is none."""

from itertools import takewhile
from weakref import WeakKeyDictionary

import tokenizers

from app.errors import InvalidInput

SHORT_CHARACTERS = 2_000  # are tokenized in about 2 ms


def encoded(tokenizer: tokenizers.Tokenizer, text: str) -> tokenizers.Encoding:
    """The tokens of a text, without those that the tokenizer adds; of a long one while other threads go on."""
    if len(text) <= SHORT_CHARACTERS:
        return tokenizer.encode(text, add_special_tokens=False)
    # Only this method lets other threads go on meanwhile.
    return tokenizer.encode_batch([text], add_special_tokens=False)[0]


def encode(tokenizer: tokenizers.Tokenizer, text: str) -> list[int]:
    """The ids of a prompt that goes on as it ends, after what the tokenizer puts before every text.

    Raises InvalidInput for what is not Unicode text.
    """
    check_is_text(text)
    encoding = encoded(tokenizer, text)
    if not special_tokens(tokenizer).keys().isdisjoint(encoding.ids):
        encoding = encoded(as_text(tokenizer), text)
    # What is put behind a text would be its end: no beginning to go on from.
    begun = tokenizer.encode(".")
    is_put = zip(begun.ids, begun.special_tokens_mask, strict=True)
    return [id for id, _ in takewhile(lambda pair: pair[1], is_put)] + list(encoding.ids)


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
    """A copy that reads no special token in a text, made when it is first needed: that takes half a second."""
    copy = _COPIES.get(tokenizer)
    if copy is None:
        copy = tokenizers.Tokenizer.from_str(tokenizer.to_str())
        copy.encode_special_tokens = True
        _COPIES[tokenizer] = copy
    return copy


# Few texts need one, and it goes with the tokenizer that it was made of.
_COPIES: WeakKeyDictionary[tokenizers.Tokenizer, tokenizers.Tokenizer] = WeakKeyDictionary()
