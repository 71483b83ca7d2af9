"""A client that still sends its body when it is refused reads the refusal, whoever refused and however it sends."""

import gzip
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from socket import socket
from time import monotonic, sleep

import httpx
import pytest
from conftest import publish_sentiment
from engines import far_engine
from sockets import Answer, answers, connected, listening, received, rest_of
from test_transit import BODY, PREDICT, READY
from waiting import eventually

from app.api.app import create_app
from app.api.http.limits import Limits
from app.api.http.middleware import RequestContext
from app.keys import KeyRing
from app.telemetry import Telemetry

LARGE = b" " * 12_000_000  # more than sockets hold
LAST = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
GZIP = {"Content-Encoding": "gzip"}
INFER = "/v2/models/tiny-sentiment/infer"

# A path, headers, the start of a body whose rest is LARGE, and the status.
Refused = tuple[str, dict[str, str], bytes, int]
REFUSED: dict[str, Refused] = {
    "too large": (PREDICT, {}, b"", 413),
    "too large for this route": ("/v2/repository/index", {}, b"", 413),
    "too large when it is inflated": (INFER, GZIP, gzip.compress(bytes(20_000_000)), 413),
    "too many members of a gzip file": (INFER, GZIP, gzip.compress(b"") * 1001, 400),
    "gzip that is damaged": (INFER, GZIP, gzip.compress(b" " * 1000)[:-8] + b"damage", 400),
    "no gzip at all": (INFER, GZIP, b"{", 400),
    "unknown encoding": (INFER, {"Content-Encoding": "br"}, b"", 415),
    "unknown model": ("/v1/models/nobody/predict", {}, b"", 404),
    "unknown route": ("/v1/nowhere", {}, b"", 404),
    "route that only reads": ("/health/ready", {}, b"", 405),
    "no version": ("/v1/models/tiny-sentiment/versions/one/predict", {}, b"", 422),
    "no time": (INFER, {"X-Request-Timeout-Ms": "soon"}, b"", 400),
    "page of another origin": (INFER, {"Sec-Fetch-Site": "cross-site"}, b"", 403),
    "name of another host": (INFER, {"Host": "example.org"}, b"", 403),
}
each_refusal = pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED.keys())


def application(factory: pytest.TempPathFactory, **options: object) -> RequestContext:
    root = factory.mktemp("models")
    publish_sentiment(root, factory.mktemp("scratch"))
    engine = far_engine(root, Telemetry())
    return create_app(engine, Telemetry(), Limits(max_body_bytes=16_000_000, bodies_bytes=16_000_000), **options)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with listening(application(tmp_path_factory, hosts=[]), linger_bytes=30_000_000) as port:
        eventually(lambda: answers(received(port, READY))[0].status == 200)
        yield port


def posting(path: str, headers: dict[str, str], body: bytes, *more: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in ({"Host": "localhost"} | headers).items()),
    ]
    return "\r\n".join([*lines, *more, "", ""]).encode() + body


def in_chunks(body: bytes, size: int = 100_000) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def sent(port: int, content: bytes) -> list[Answer]:
    """Answers that are read when everything has been sent. Raises ConnectionError if it cannot be sent."""
    with connected(port) as connection:
        connection.sendall(content)
        content = b""
        while part := connection.recv(65536):
            content += part
        return answers(content)


@each_refusal
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunks"])
def test_all_of_a_refused_body_can_be_sent_and_then_its_answer_is_read(port, refused, is_chunked):
    path, headers, start, status = refused
    body = start + LARGE
    length = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(body)}"
    request = posting(path, headers, in_chunks(body) if is_chunked else body, length)
    (refusal,) = sent(port, request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
    assert refusal.status == status
    assert refusal.headers["connection"] == "close"
    refusal, next_one = sent(port, request + LAST)
    assert (refusal.status, next_one.status) == (status, 200)


def with_urllib(url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def with_httpx(url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    reply = httpx.post(url, content=body, headers=headers)
    return reply.status_code, reply.content


def with_httpx_in_parts(url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    parts = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
    reply = httpx.post(url, content=parts, headers=headers)
    return reply.status_code, reply.content


def with_curl(*options: str) -> Callable[[str, dict[str, str], bytes], tuple[int, bytes]]:
    def ask(url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        named = [option for name, value in headers.items() for option in ("-H", f"{name}: {value}")]
        command = ["curl", "-sS", "-w", "%{http_code}", "--data-binary", "@-", *named, *options, url]
        written = subprocess.run(command, input=body, capture_output=True, timeout=60, check=True).stdout
        return int(written[-3:]), written[:-3]

    return ask


@each_refusal
@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(with_urllib, id="urllib"),
        pytest.param(with_httpx, id="httpx"),
        pytest.param(with_httpx_in_parts, id="httpx in parts"),
        pytest.param(with_curl("-H", "Expect: 100-continue"), id="curl that asks first"),
        pytest.param(with_curl("-H", "Expect:"), id="curl that does not ask"),
        pytest.param(with_curl("-H", "Transfer-Encoding: chunked"), id="curl in chunks"),
        pytest.param(with_curl("-0"), id="curl with HTTP/1.0"),
    ],
)
def test_ordinary_clients_read_the_refusal(port, refused, ask):
    path, headers, start, status = refused
    code, content = ask(f"http://127.0.0.1:{port}{path}", headers, start + LARGE)
    assert code == status
    assert json.loads(content)["error"]


def test_who_has_no_key_reads_so(tmp_path_factory, tmp_path):
    app = application(tmp_path_factory, keys=KeyRing(tmp_path / "keys.json"))
    request = posting(INFER, {}, LARGE, f"Content-Length: {len(LARGE)}")
    with listening(app) as port:
        refused, live = sent(port, request + LAST)
        assert (refused.status, live.status) == (401, 200)
        assert with_urllib(f"http://127.0.0.1:{port}{INFER}", {}, LARGE)[0] == 401


def test_what_is_no_chunk_is_told_to_who_sends_on(port):
    request = posting(INFER, {}, b"5\r\nhello\r\nzz\r\n" + LARGE, "Transfer-Encoding: chunked")
    (refused,) = sent(port, request)
    assert refused.status == 400


def test_that_the_deadline_has_passed_is_told_to_who_sends_on(port):
    for more in ("Connection: close", "Connection: keep-alive"):
        head = posting(INFER, {"X-Request-Timeout-Ms": "50"}, b"", f"Content-Length: {len(LARGE)}", more)
        with connected(port) as connection:
            connection.sendall(head + LARGE[:1000])
            sleep(0.3)
            connection.sendall(LARGE[1000:] + LAST)
            assert answers(rest_of(connection))[0].status == 504


def test_that_there_is_no_room_is_told_to_who_sends_on(tmp_path_factory):
    head = posting(INFER, {}, b"", f"Content-Length: {len(LARGE)}")
    with listening(application(tmp_path_factory)) as port, connected(port) as first:
        eventually(lambda: answers(received(port, READY))[0].status == 200)
        first.sendall(head + LARGE[:-1])
        with connected(port) as second:
            second.sendall(head + LARGE[:-1])
            second.sendall(LARGE[:1] + LAST)
            first.sendall(LARGE[:1] + LAST)
            told = [answers(rest_of(connection)) for connection in (first, second)]
    assert sorted(each[0].status for each in told) == [413, 429]
    assert [each[1].status for each in told] == [200, 200]


@pytest.mark.parametrize("more", ["Connection: close", "Connection: keep-alive"])
def test_of_a_body_without_end_no_more_is_read_than_may_be(port, more):
    request = posting("/v1/nowhere", {}, b"", f"Content-Length: {10**12}", more)
    with connected(port) as connection:
        connection.sendall(request)
        with pytest.raises(ConnectionError):
            connection.sendall(LARGE * 5)


@pytest.mark.parametrize("more", ["Connection: close", "Connection: keep-alive"])
def test_of_a_slow_body_no_more_is_read_than_may_be(tmp_path_factory, more):
    request = posting("/v1/nowhere", {}, b"", f"Content-Length: {10**12}", more)
    with listening(application(tmp_path_factory), linger_s=0.5) as port, connected(port) as connection:
        connection.sendall(request)
        assert is_cut_off(connection)


def is_cut_off(connection: socket) -> bool:
    end = monotonic() + 20
    with suppress(ConnectionError):
        while monotonic() < end:
            connection.sendall(b" ")
            sleep(0.05)
    return monotonic() < end


def test_a_connection_has_its_usual_time_after_a_refused_body(tmp_path_factory):
    request = posting("/v1/nowhere", {}, b"", "Content-Length: 10")
    with listening(application(tmp_path_factory), linger_s=1.0) as port, connected(port) as connection:
        connection.sendall(request)
        sleep(0.5)
        connection.sendall(b" " * 10)
        sleep(1.0)
        connection.sendall(posting("/v1/nowhere", {}, BODY, f"Content-Length: {len(BODY)}") + LAST)
        assert [answer.status for answer in answers(rest_of(connection))] == [404, 404, 200]
