import gzip
import zlib

import pytest

from app.api.compression import accepted, deflated, inflate
from app.errors import InvalidInput, PayloadTooLarge


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_was_compressed_is_inflated_to_the_limit_and_no_further(encoding):
    body = b"".join(deflated([b"abc" * 1000], encoding))
    assert len(body) < 100
    assert inflate(body, encoding.upper(), 3000) == b"abc" * 1000
    with pytest.raises(PayloadTooLarge, match="more than 2999 bytes"):
        inflate(body, encoding, 2999)


def test_what_is_not_compressed_stays_as_it_is():
    assert inflate(b"abc", "identity", 10) == b"abc"


@pytest.mark.parametrize(
    ("body", "encoding", "says"),
    [
        (b"abc", "br", "Content-Encoding 'br' is not understood"),
        (b"abc", "gzip", "is not valid gzip"),
        (b"", "gzip", "ends before its gzip stream does"),
        (gzip.compress(b"abc")[:-3], "gzip", "ends before its gzip stream does"),
        (zlib.compress(b"abc") + b"xy", "deflate", "2 bytes follow the end of the deflate stream"),
    ],
)
def test_damage_is_named(body, encoding, says):
    with pytest.raises(InvalidInput, match=says):
        inflate(body, encoding, 100)


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("", None),
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("deflate, gzip, br", "gzip"),
        ("gzip;q=0.3, deflate;q=0.7", "deflate"),
        ("GZIP; Q=1.0", "gzip"),
        ("gzip;q=0, deflate;q=0.000", None),
        ("gzip;q=2", None),
        ("identity, *", None),
    ],
)
def test_the_encoding_is_the_one_the_client_likes_best(header, encoding):
    assert accepted(header) == encoding
