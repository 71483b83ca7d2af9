"""The fewest tokens that a text can have."""

import random

import pytest
import small_tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from app.generation.fewest import end_of, fewest_tokens, most_characters

KNOWN = [small_tokenizers.byte_level, small_tokenizers.byte_fallback]
PARTS = ["The harbour pool opens again", " ", "  ", "\n", "漢字", "😀", "ᾂ", "e\u0301", "ᄒ\u1161\u11ab", "a" * 50, "☃☃"]


def of_nfc() -> Tokenizer:
    tokenizer = Tokenizer.from_str(small_tokenizers.byte_level().to_str())
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer


@pytest.mark.parametrize("kind", [*KNOWN, of_nfc])
def test_no_text_has_fewer(kind):
    tokenizer, chance = kind(), random.Random(7)
    assert most_characters(tokenizer)
    texts = ["".join(chance.choices(PARTS, k=chance.randint(1, 60))) for _ in range(300)]
    texts += [part * 500 for part in PARTS] + [text * 100 for text in tokenizer.get_vocab() if text.isprintable()]
    for text in texts:
        assert 0 <= fewest_tokens(tokenizer, text) <= len(tokenizer.encode(text, add_special_tokens=False).ids)
    assert fewest_tokens(tokenizer, "a word " * 1000) > 50


def test_composed_characters_are_counted_as_what_they_may_become():
    text = "\u03b1\u0313\u0300\u0345" * 1000  # NFC makes one of each four
    most = most_characters(of_nfc())
    assert fewest_tokens(of_nfc(), text) == 4000 // (4 * most)


def one_for_unknown() -> Tokenizer:
    return Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))


def that_drops() -> Tokenizer:
    """It has no token for most bytes."""
    tokenizer = Tokenizer(models.BPE(vocab={"a": 0}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def that_splits_and_drops() -> Tokenizer:
    tokenizer = Tokenizer.from_str(small_tokenizers.byte_level().to_str())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(" ", "removed"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return tokenizer


def that_strips() -> Tokenizer:
    tokenizer = Tokenizer.from_str(small_tokenizers.byte_level().to_str())
    tokenizer.normalizer = normalizers.Strip()
    return tokenizer


def that_shortens() -> Tokenizer:
    tokenizer = Tokenizer.from_str(small_tokenizers.byte_level().to_str())
    tokenizer.normalizer = normalizers.Replace("  ", " ")
    return tokenizer


def with_greedy_special_token() -> Tokenizer:
    """It takes all blanks beside it, as Phi 3's do."""
    tokenizer = Tokenizer.from_str(small_tokenizers.byte_level().to_str())
    tokenizer.add_special_tokens([AddedToken("<|greedy|>", rstrip=True)])
    return tokenizer


@pytest.mark.parametrize(
    "kind",
    [
        small_tokenizers.metaspace,
        small_tokenizers.word_piece,
        one_for_unknown,
        that_drops,
        that_splits_and_drops,
        that_strips,
        that_shortens,
        with_greedy_special_token,
    ],
)
def test_where_one_token_may_stand_for_any_number_of_characters_nothing_is_known(kind):
    assert most_characters(kind()) is None
    assert fewest_tokens(kind(), "a " * 10_000) == 0
    assert end_of(kind(), "a " * 10_000, 5) == "a " * 10_000


@pytest.mark.parametrize("kind", [*KNOWN, of_nfc])
@pytest.mark.parametrize("part", ["The harbour pool opens. ", "ᾂ 漢字 かな ", "{'a': 1},\n"])
def test_the_end_of_a_text_has_its_last_tokens(kind, part):
    tokenizer = kind()
    text = part * 40_000
    end = end_of(tokenizer, text, 20)
    assert len(end) < len(text) / 2
    assert tokenizer.encode(end).ids[-20:] == tokenizer.encode(text).ids[-20:]
