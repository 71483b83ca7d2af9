"""Prompts as ids."""

import pytest
import small_tokenizers

from app.generation.encoding import (
    PIECE_CHARACTERS,
    TooManyTokens,
    counted,
    encode,
    encoded,
    end_of,
    special_tokens,
)


def test_a_prompt_is_what_the_tokenizer_makes_of_it():
    text = "The harbour pool opens <tool_call> again"
    assert encode(small_tokenizers.byte_level(), text) == small_tokenizers.byte_level().encode(text).ids
    assert encode(small_tokenizers.byte_level(), "") == []


def test_what_is_put_before_every_text_is_there_and_ends_are_not():
    assert encode(small_tokenizers.byte_fallback(), "pool")[0] == 1
    assert encode(small_tokenizers.byte_fallback(), "") == [1]
    ended = small_tokenizers.ended()
    assert encode(ended, "pool") == ended.encode("pool", add_special_tokens=False).ids


@pytest.mark.parametrize("kind", [small_tokenizers.byte_level, small_tokenizers.byte_fallback])
def test_special_tokens_that_are_written_are_text(kind):
    tokenizer = kind()
    special = special_tokens(tokenizer)
    for text in special.values():
        ids = encode(tokenizer, f"a{text}b {text}")
        assert not special.keys() & set(ids[1:])
        assert tokenizer.decode(ids, skip_special_tokens=True) == f"a{text}b {text}"


@pytest.mark.parametrize("kind", [small_tokenizers.byte_level, small_tokenizers.byte_fallback])
def test_tokens_are_counted_before_any_is_made_a_number(kind):
    for text in ("The pool opens.", "The pool opens. " * 500):  # short and long ones go different ways
        ids = encoded(kind(), text).ids
        assert counted(kind(), text, len(ids)).ids == ids
        with pytest.raises(TooManyTokens, match=f"^{len(ids)} tokens$"):
            encode(kind(), text, len(ids) - 1)


class Read:
    """A tokenizer that notes how much it is given."""

    def __init__(self, tokenizer):
        self._tokenizer = tokenizer
        self.characters = []

    def encode_batch_fast(self, texts, **options):
        self.characters += map(len, texts)
        return self._tokenizer.encode_batch_fast(texts, **options)


TEXTS = ["The harbour pool opens. ", "漢字 かな ", "😀", "a", " ", "\n", "☃☃", '{"a": 1},\n']


@pytest.mark.parametrize("part", TEXTS)
@pytest.mark.parametrize("kind", [small_tokenizers.byte_level, small_tokenizers.byte_fallback])
def test_a_text_that_is_far_too_long_is_not_read_to_its_end(kind, part):
    tokenizer, text = Read(kind()), part * (2_000_000 // len(part))
    with pytest.raises(TooManyTokens, match=r"^more than 500 tokens$"):
        counted(tokenizer, text, 500)
    assert max(tokenizer.characters) == PIECE_CHARACTERS
    assert sum(tokenizer.characters) < len(text)


@pytest.mark.parametrize("part", TEXTS)
@pytest.mark.parametrize(
    "kind",
    [
        small_tokenizers.byte_level,
        small_tokenizers.byte_fallback,
        small_tokenizers.metaspace,
        small_tokenizers.word_piece,
    ],
)
def test_a_long_text_that_just_fits_is_read(kind, part):
    text = part * (3 * PIECE_CHARACTERS // len(part))
    ids = encoded(kind(), text).ids
    assert counted(kind(), text, len(ids)).ids == ids
    if ids:
        with pytest.raises(TooManyTokens, match=f"^{len(ids)} tokens$"):
            counted(kind(), text, len(ids) - 1)


@pytest.mark.parametrize("part", TEXTS)
@pytest.mark.parametrize("kind", [small_tokenizers.byte_level, small_tokenizers.byte_fallback])
def test_the_end_of_a_text_has_its_last_tokens(kind, part):
    text = part * (6 * PIECE_CHARACTERS // len(part))
    end = end_of(kind(), text, 20)
    assert PIECE_CHARACTERS <= len(end) < len(text)
    assert encoded(kind(), end).ids[-20:] == encoded(kind(), text).ids[-20:]
    assert end_of(kind(), part, 20) == part
