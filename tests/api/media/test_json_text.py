import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.media import json_text
from app.api.media.json_text import JsonLimits, has_more_values, parse, read_json
from app.errors import InvalidInput, PayloadTooLarge

TEXTS = st.text('ab"\\,:[{}]é😀\n', max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
)


def signs_before_values(value):
    """A bracket or brace before the first element, a comma before each other; a colon behind a name counts thrice."""
    if isinstance(value, list):
        return max(len(value), 1) + sum(map(signs_before_values, value))
    if isinstance(value, dict):
        return max(4 * len(value), 1) + sum(map(signs_before_values, value.values()))
    return 0


@given(value=VALUES, chunk=st.integers(1, 40), ascii=st.booleans())
def test_values_are_counted_and_what_stands_in_texts_is_not(value, chunk, ascii):
    text, count = json.dumps(value, ensure_ascii=ascii).encode(), signs_before_values(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "CHUNK_BYTES", chunk)
        assert not has_more_values(text, count)
        assert has_more_values(text, count - 1)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"[" + b"0," * 1000 + b"0]", id="numbers"),
        pytest.param(b"[" + b"[]," * 500 + b"[]]", id="empty lists"),
        pytest.param(b"{" + b",".join(b'"k%d":0' % i for i in range(501)) + b"}", id="names"),
        pytest.param(b'{"' + b"," * 900 + b'":[' + b'",\\",",' * 1000 + b"0]}", id="commas in texts and between them"),
    ],
)
def test_json_of_too_many_values_is_refused_before_it_is_parsed(text):
    with pytest.raises(PayloadTooLarge, match="more than 1000 values"):
        parse(text, JsonLimits(max_values=1000))
    with pytest.raises(PayloadTooLarge, match="more than 1000 values"):
        parse(text + b"no JSON", JsonLimits(max_values=1000))


def test_a_long_text_is_one_value():
    assert parse(b'"' + b"[{,:" * 1000 + b'"', JsonLimits(max_values=10)) == "[{,:" * 1000
    with pytest.raises(PayloadTooLarge, match="4002 bytes of JSON, and a request may have 4000"):
        parse(b'"' + b"[{,:" * 1000 + b'"', JsonLimits(max_bytes=4000))


@pytest.mark.parametrize("text", [b"", b"[", b'"', b"\\", b'"\\', b"9" * 5000, b"[" * 100_000, b'{"a":}', b"\xff"])
def test_what_is_not_json_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011
        parse(text, JsonLimits())


def test_json_that_cannot_be_read_is_told_in_words_of_the_caller_or_by_the_text_that_is_no_unicode():
    with pytest.raises(InvalidInput, match=r"^this is not: .*; send another$"):
        read_json(b"{", JsonLimits(), "this is not", "; send another")
    with pytest.raises(InvalidInput, match="a: must be Unicode"):
        read_json(b'{"a": "\\ud800"}', JsonLimits())
