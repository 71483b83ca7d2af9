"""Prompts as ids."""

import pytest
import small_tokenizers

from app.generation.encoding import TooManyTokens, counted, encode, encoded, special_tokens


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
        with pytest.raises(TooManyTokens) as caught:
            encode(kind(), text, len(ids) - 1)
        assert caught.value.count == len(ids)
