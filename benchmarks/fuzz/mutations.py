"""Ways to spoil a request. Each takes a source of randomness and a good request, and gives another one.

Long, since it is a list: one short function a way.
"""

import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

from benchmarks.fuzz.asked import Asked

MOST_VALUES = 200_000  # of a list that was repeated

Mutation = Callable[[random.Random, Asked], Asked]


class Raw:
    """JSON that Python's writer would not write."""

    def __init__(self, text: str) -> None:
        self.text = text


def nested(depth: int, opening: str = "[", closing: str = "]") -> Raw:
    return Raw(opening * depth + closing * depth)


HOSTILE: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    3,
    7,
    64,
    65,
    255,
    256,
    2**31,
    2**53,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63) - 1,
    0.5,
    -0.0,
    1e38,
    1e39,
    1e308,
    Raw("1e400"),
    Raw("-1e400"),
    Raw("NaN"),
    Raw("Infinity"),
    Raw("1" * 400),
    Raw("1" * 5000),
    Raw("0." + "1" * 5000),
    Raw("1E-5000"),
    Raw("01"),
    Raw("+1"),
    Raw("'a'"),
    Raw(""),
    Raw("[1,]"),
    Raw('{"a":1,"a":2}'),
    "",
    " ",
    "\u200b",
    "\ufeff",
    "\0",
    "a",
    "a" * 101,
    "a" * 100_001,
    "good film",
    "Ω≈ç√∫˜µ",
    "田中さん",
    "🙂" * 50,
    "\u0301" * 300,
    "\u202e txet",
    "NaN",
    "Infinity",
    "1",
    "null",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    Raw('"\\ud800"'),
    Raw('"\\udc00\\ud800"'),
    Raw('"\\u0000"'),
    Raw('"\\x"'),
    Raw('"' + "\\u0041" * 5000 + '"'),
    "data:image/png;base64,",
    "data:;base64,AAAA",
    "AAAA",
    "A===",
    "/9j/4AAQSkZJRg==",
    "iVBORw0KGgo=",
    "R0lGODlhAQABAAAAACw=",
    [],
    [[]],
    {},
    {"": 0},
    {"a": {}},
    [None],
    [0] * 300,
    [""] * 300,
    [{}] * 300,
    ["good"] * 257,
    [[1, 2], [3]],
    [1, "a", None],
    {"text": "good"},
    {"text": 1},
    {"image": "AAAA"},
    {"history": []},
    {"values": []},
    {"x": []},
    {"top_k": 0},
    {"binary_data_size": 8},
    {"classification": 3},
    {f"k{i}": i for i in range(500)},
    nested(40),
    nested(70),
    nested(127),
    nested(129),
    nested(5000),
    nested(200, '{"a":', "}"),
    Raw("[" * 1000),
]

CONTENT_TYPES = [
    "application/json",
    "application/json; charset=utf-16",
    "application/json; charset=punycode",
    "text/plain",
    "image/png",
    "image/jpeg",
    "image/svg+xml",
    "image/",
    "image/*",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=B",
    "multipart/form-data; boundary=B; charset=idna",
    "multipart/mixed; boundary=B",
    "/",
    ";",
    "a" * 500,
    "application/JSON ; x=y",
]
NUMBERS = [
    "0",
    "1",
    "5",
    "-1",
    "1.5",
    "007",
    "600000",
    "600001",
    "9" * 18,
    "9" * 19,
    "9" * 400,
    "",
    " ",
    "abc",
    "1e3",
    "٣",
    "0x10",
]
HEADERS: dict[str, list[str]] = {
    "Content-Type": CONTENT_TYPES,
    "Content-Encoding": ["gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", "x-gzip", "", "GZIP", "a" * 300],
    "Accept": ["*/*", "application/json", "image/png", "image/*;q=0", "text/html", "", ",,,", "a/b;q=zz", "x" * 2000],
    "Accept-Encoding": ["gzip", "deflate", "br", "identity;q=0", "*;q=0", "gzip;q=0, *", "", "x" * 2000],
    "X-Request-Timeout-Ms": NUMBERS,
    "Inference-Header-Content-Length": NUMBERS,
    "X-Request-Id": ["", "a", "a" * 200, "a\tb", "\x7f", "é", '"><script>', "a" * 5000],
    "Origin": ["null", "http://evil.test", "http://127.0.0.1", "file://", ""],
    "Sec-Fetch-Site": ["cross-site", "same-site", "none", "x"],
    "Host": ["evil.test", "127.0.0.1:1", "[::1]", "", "a" * 300, "localhost"],
    "Expect": ["100-continue", "200-ok"],
    "Authorization": ["Bearer x", "Basic " + "A" * 2000, "", "Bearer"],
    "X-API-Key": ["x", "é" * 10],
    "Cookie": ["a=b; " * 500],
    "Range": ["bytes=0-1", "bytes=-"],
    "If-None-Match": ["*", '"x"'],
    "Transfer-Encoding": ["chunked"],
    "Upgrade": ["websocket", "h2c"],
    "Connection": ["close", "upgrade", "keep-alive, x"],
    "Content-Disposition": ['attachment; filename="a"'],
}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"]
PIECES = [
    "%00",
    "%2e%2e/",
    "//",
    "/./",
    "%ff",
    "é",
    "%E2%80%8B",
    "?",
    "?top_k=1",
    "?top_k=9999999999999999999",
    "?a=1&a=2",
    "?parameters={}",
    "#x",
    ";x",
    "%2F",
    " ",
    "\t",
    "a" * 300,
    "/versions/0",
    "/versions/1",
    "/versions/-1",
    "/x",
    "/",
    "?" + "&".join(f"k{i}={i}" for i in range(300)),
]


def json_value(random: random.Random, asked: Asked) -> Asked:
    """Somewhere in the JSON another value, or one more, or one less."""
    try:
        value = json.loads(asked.body)
    except (ValueError, RecursionError):
        return bytes_of(random, asked)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        value = _spoilt(random, value)
    return replace(asked, body=written(value).encode("utf-8", "surrogatepass"))


def bytes_of(random: random.Random, asked: Asked) -> Asked:
    """Some bytes changed, cut, doubled or put in."""
    body = bytearray(asked.body or b"{}")
    for _ in range(random.choice((1, 1, 2, 8))):
        at, size = random.randrange(len(body) + 1), random.choice((1, 1, 4, 50, 5000))
        match random.randrange(5):
            case 0:
                body[at : at + size] = random.randbytes(min(size, 50))
            case 1:
                del body[at : at + size]
            case 2:
                body[at:at] = body[at : at + size]
            case 3:
                body[at:at] = random.choice(
                    (b"\0", b"\xff", b"\xed\xa0\x80", b'"', b"[", b"}", b",", b"\\u", b"\r\n", b"--B")
                )
            case 4:
                del body[at:]
    return replace(asked, body=bytes(body))


def whole_body(random: random.Random, asked: Asked) -> Asked:
    """Another body altogether, or the same in another coding."""
    body = asked.body
    choices = [
        b"",
        b" ",
        b"null",
        b"[]",
        b"{}",
        b'""',
        b"0",
        b"{",
        b"\xff\xfe",
        b"--B\r\n\r\n--B--",
        b"\xef\xbb\xbf" + body,
        body * 2,
        body.decode("utf-8", "replace").encode("utf-16"),
        gzip.compress(body, mtime=0),
        zlib.compress(body),
        body + b"x",
        body[::-1],
        written(_hostile(random)).encode("utf-8", "surrogatepass"),
        random.randbytes(300),
        b"[" * 50_000,
        b'{"a":' * 9000,
    ]
    return replace(asked, body=random.choice(choices))


def header(random: random.Random, asked: Asked) -> Asked:
    name = random.choice(list(HEADERS))
    changed = asked.with_header(name, random.choice(HEADERS[name]))
    if name == "Transfer-Encoding":
        size = random.choice((f"{len(asked.body):x}", "zz", f"{len(asked.body):x};a=b"))
        return replace(changed, body=f"{size}\r\n".encode() + asked.body + b"\r\n0\r\n\r\n")
    if name == "Content-Encoding" and random.random() < 0.5:
        return replace(changed, body=gzip.compress(asked.body, mtime=0))
    return changed


def path(random: random.Random, asked: Asked) -> Asked:
    steps = asked.path.split("/")
    at = random.randrange(1, len(steps)) if len(steps) > 1 else 0
    match random.randrange(4):
        case 0:
            steps[at] = random.choice(PIECES)
        case 1:
            steps[at] += random.choice(PIECES)
        case 2:
            del steps[at]
        case 3:
            steps.insert(at, random.choice(steps))
    return replace(asked, path="/".join(steps).replace(" ", "%20").replace("\t", "%09") or "/")


def method(random: random.Random, asked: Asked) -> Asked:
    return replace(asked, method=random.choice(METHODS))


def unchanged(random: random.Random, asked: Asked) -> Asked:
    return asked


# How often each is taken, and what it does.
MUTATIONS: list[tuple[int, Mutation]] = [
    (45, json_value), (15, bytes_of), (10, whole_body), (15, header), (6, path), (2, method), (7, unchanged),
]  # fmt: skip


def written(value: Any) -> str:
    """JSON of a value that may hold `Raw` pieces."""
    match value:
        case Raw(text=text):
            return text
        case dict():
            return "{" + ",".join(f"{json.dumps(name)}:{written(one)}" for name, one in value.items()) + "}"
        case list():
            return "[" + ",".join(map(written, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _hostile(random: random.Random) -> Any:
    return deepcopy(random.choice(HOSTILE))  # it may be spoilt in turn


def _spoilt(random: random.Random, value: Any) -> Any:
    places = list(_places(value))
    if not places:
        return _hostile(random)
    within, key = random.choice(places)
    match random.randrange(6):
        case 0 | 1 | 2:
            within[key] = _hostile(random)
        case 3:
            del within[key]
        case 4 if isinstance(within, dict):
            within[random.choice((f"{key}s", key.upper(), "", "parameters", "unknown", "a" * 300))] = _hostile(random)
        case 4:
            within.insert(key, _hostile(random))
        case 5 if isinstance(within, list):
            times = random.choice((2, 10, 300))
            within[:] = within * (times if times * _size(within) <= MOST_VALUES else 1)
        case 5:
            within[key] = [within[key]]
    return value


def _size(value: Any) -> int:
    """The values within one, or just more than MOST_VALUES."""
    count, left = 0, [value]
    while left and count <= MOST_VALUES:
        one = left.pop()
        count += 1
        left.extend(one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
    return count


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a value, with each of its keys; of long lists only some."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))[:20]
        for key in keys:
            yield value, key
            yield from _places(value[key])
