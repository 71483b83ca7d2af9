import asyncio
import gzip
import io
import random
import zlib
from collections.abc import Iterator

import pytest

from app.api.http.aside import Aside
from app.api.http.compression import accepted, deflated
from app.api.http.transit import Body, Transit
from app.errors import InvalidInput, PayloadTooLarge, UnsupportedEncoding

ASIDE = Aside()


@pytest.fixture(scope="module", autouse=True)
def _threads_end() -> Iterator[None]:
    yield
    ASIDE.close()  # or turns stay short, if it was busy when the last loop ended


def inflate(body: bytes, encoding: str, limit: int, size: int = 1_000_000) -> bytes:
    """Return what a route reads of a body that arrives in parts of `size` bytes."""
    parts = [body[i : i + size] for i in range(0, len(body), size)] or [b""]

    async def receive():
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def read() -> bytes:
        transit = Transit(lambda path: limit, timeout_s=10, most_bytes=100_000_000, aside=ASIDE)
        headers = [(b"content-encoding", encoding.encode())]
        whole = Body(transit, {"type": "http", "path": "/", "headers": headers}, receive)
        read, more = b"", True
        while more:
            message = await whole()
            assert len(message["body"]) <= 1_000_000
            read, more = read + message["body"], message["more_body"]
        return read

    return asyncio.run(read())


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_was_compressed_is_inflated_to_the_limit_and_no_further(encoding):
    body = b"".join(deflated([b"abc" * 1000], encoding))
    assert len(body) < 100
    assert inflate(body, encoding.upper(), 3000) == b"abc" * 1000
    with pytest.raises(PayloadTooLarge, match="more than 2999 bytes"):
        inflate(body, encoding, 2999)


@pytest.mark.parametrize("size", [1, 1000, 4096, 10_000_000])
@pytest.mark.parametrize("content", [random.Random(0).randbytes(20_000), b"abc" * 7000, b"\0" * 3_000_000, b""])
def test_a_body_is_the_same_whole_and_in_parts(content, size):
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    for encoding, body in [
        ("gzip", gzip.compress(content)),
        ("x-gzip", gzip.compress(content)),
        (
            "gzip",
            gzip.compress(content[:5000]) + gzip.compress(b"") + gzip.compress(content[5000:]),
        ),  # of three members
        ("deflate", zlib.compress(content)),
        ("deflate", raw.compress(content) + raw.flush()),  # what some clients take for deflate
    ]:
        assert inflate(body, encoding, 4_000_000, size) == content


@pytest.mark.parametrize("encoding", ["identity", "", "identity, identity"])
def test_what_is_not_compressed_stays_as_it_is(encoding):
    assert inflate(b"abc", encoding, 10) == b"abc"


def endless_name() -> bytes:
    file = io.BytesIO()
    gzip.GzipFile("n" * 5000, "w", fileobj=file, mtime=0).close()
    return file.getvalue()


# Without a time in them, as every worker must find the same cases.
@pytest.mark.parametrize(
    ("body", "encoding", "says"),
    [
        (b"abc", "gzip", "is not valid gzip"),
        (b"", "gzip", "ends before its gzip stream does"),
        (gzip.compress(b"abc", mtime=0)[:-3], "gzip", "ends before its gzip stream does"),
        (gzip.compress(b"abc", mtime=0)[:-8] + bytes(8), "gzip", "is not valid gzip"),
        (zlib.compress(b"abc") + b"xy", "deflate", "2 bytes follow the end of the deflate stream"),
        (zlib.compress(b"abc") * 2, "deflate", "11 bytes follow the end of the deflate stream"),
        (gzip.compress(b"abc", mtime=0) + b"xy", "gzip", "2 bytes follow the end of the gzip stream"),
        (
            gzip.compress(b"abc", mtime=0) + gzip.compress(b"d", mtime=0)[:-3],
            "gzip",
            "ends before its gzip stream does",
        ),
        (b"\xff" * 20, "deflate", "is not valid deflate"),
    ],
)
def test_damage_is_named(body, encoding, says):
    with pytest.raises(InvalidInput, match=says):
        inflate(body, encoding, 100)


def test_members_without_end_are_not_read():
    assert inflate(gzip.compress(b"a") * 1000, "gzip", 1_000_000) == b"a" * 1000
    with pytest.raises(InvalidInput, match="more than 1000 gzip members"):
        inflate(gzip.compress(b"a") * 1001, "gzip", 1_000_000)


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip, br", "aes128gcm", "*"])
def test_another_encoding_is_named_with_those_that_are_understood(encoding):
    with pytest.raises(UnsupportedEncoding, match=r"Content-Encoding '.*' is not understood; gzip and deflate are"):
        inflate(b"abc", encoding, 100)


def test_what_is_sent_has_the_same_limit_though_it_inflates_to_nothing():
    with pytest.raises(PayloadTooLarge):
        inflate(endless_name(), "gzip", 1000, size=100)


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
