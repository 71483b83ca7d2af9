"""Ids to text in pieces, against the tokenizers library's text of all at once."""

import random

import pytest
import small_tokenizers
from tokenizers import Tokenizer

from app.generation.vocabulary import Detokenizer, Vocabulary

KINDS = {
    kind.__name__: kind
    for kind in (
        small_tokenizers.byte_level,
        small_tokenizers.byte_fallback,
        small_tokenizers.metaspace,
        small_tokenizers.word_piece,
        small_tokenizers.built,
    )
}
TEXTS = ("héllo 😀 漢字", "👩‍👩‍👧 family", "  two  spaces\n\n", "it's 12 degrees, “quoted”.", "")


@pytest.fixture(params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    tokenizer = KINDS[request.param]()
    if tokenizer is None:
        pytest.skip("smollm2-instruct is not built here")
    return tokenizer


def in_pieces(vocabulary: Vocabulary, ids: list[int], sizes: random.Random, skip: bool = True) -> str:
    detokenizer, text = Detokenizer(vocabulary, skip_special_tokens=skip), ""
    while ids:
        size = sizes.randint(0, 3)
        text += detokenizer.push(ids[:size])
        ids = ids[size:]
    return text + detokenizer.end()


@pytest.mark.parametrize("skip", [True, False], ids=["without special", "with special"])
def test_random_ids_in_pieces_are_the_text_of_all_at_once(tokenizer: Tokenizer, skip: bool):
    vocabulary, draw = Vocabulary(tokenizer), random.Random(0)
    some = [id for text in TEXTS for id in tokenizer.encode(text, add_special_tokens=False).ids]
    for _ in range(400):
        ids = [
            draw.choice([draw.randrange(vocabulary.size + 5), draw.choice(some)]) for _ in range(draw.randint(0, 60))
        ]
        assert in_pieces(vocabulary, ids, draw, skip) == tokenizer.decode(ids, skip_special_tokens=skip), ids


def test_text_comes_back(tokenizer: Tokenizer):
    vocabulary, draw = Vocabulary(tokenizer), random.Random(1)
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert in_pieces(vocabulary, ids, draw) == tokenizer.decode(ids)


@pytest.mark.parametrize("kind", ["byte_level", "byte_fallback"])
def test_runs_of_bytes_right_and_wrong(kind: str):
    tokenizer, draw = KINDS[kind](), random.Random(2)
    vocabulary = Vocabulary(tokenizer)
    one = {vocabulary.bytes_of(id): id for id in reversed(range(vocabulary.size))}
    space = one[b" "]
    for _ in range(400):
        raw = b"".join(
            draw.choice(["é".encode(), "漢".encode(), "😀".encode()])[: draw.randint(1, 4)] for _ in range(4)
        )
        ids = [one[bytes([byte])] for byte in raw]
        ids.insert(draw.randrange(len(ids)), space)
        assert in_pieces(vocabulary, ids, draw) == tokenizer.decode(ids)


def test_no_half_character_is_told():
    tokenizer = small_tokenizers.byte_level()
    detokenizer = Detokenizer(Vocabulary(tokenizer))
    ids = tokenizer.encode("😁").ids  # in no line that it learned from
    assert len(ids) > 1
    assert [detokenizer.push([id]) for id in ids] == [""] * (len(ids) - 1) + ["😁"]
    assert detokenizer.push(ids[:1]) + detokenizer.end() == "\ufffd"


def test_text_goes_on_after_a_wrong_character():
    tokenizer = small_tokenizers.byte_level()
    detokenizer = Detokenizer(Vocabulary(tokenizer))
    half = tokenizer.encode("😁").ids[:1]
    assert detokenizer.push(half * 3) == "\ufffd\ufffd"
    assert detokenizer.push(tokenizer.encode("pool").ids) == "\ufffdpool"


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"built"}))
def test_what_is_told_of_a_token_is_what_it_adds(kind: str):
    tokenizer = KINDS[kind]()
    vocabulary = Vocabulary(tokenizer)
    ids = tokenizer.encode("the harbour pool opens again", add_special_tokens=False).ids
    whole = b"".join(vocabulary.bytes_of(id) for id in ids).decode()
    assert whole.removeprefix(" ") == tokenizer.decode(ids)


def test_special_tokens_are_no_text_and_known_by_name():
    vocabulary = Vocabulary(small_tokenizers.byte_level())
    end = vocabulary.id_of_special("<|im_end|>")
    assert end is not None
    assert vocabulary.is_special(end)
    assert vocabulary.bytes_of(end) == b""
    assert vocabulary.text_of(end) == "<|im_end|>"
    assert vocabulary.id_of_special("pool") is None
    assert vocabulary.id_of_special("<tool_call>") is None
    assert not vocabulary.is_special(vocabulary.size)
    assert vocabulary.bytes_of(vocabulary.size) == vocabulary.bytes_of(-1) == b""
    assert vocabulary.text_of(vocabulary.size) == ""


def test_a_byte_of_a_character():
    vocabulary = Vocabulary(small_tokenizers.byte_fallback())
    half = small_tokenizers.byte_fallback().token_to_id("<0xF0>")
    assert vocabulary.bytes_of(half) == b"\xf0"
    assert vocabulary.text_of(half) == "\ufffd"
