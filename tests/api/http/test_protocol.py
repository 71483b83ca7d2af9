"""Whatever a socket sends gets whole answers in the one form, each to its own request, and nobody else waits for it."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from time import monotonic, sleep

import pytest
from conftest import publish_sentiment
from engines import far_engine
from sockets import answers, connected, listening, received, rest_of
from starlette.responses import PlainTextResponse, Response
from waiting import eventually

from app.api.app import create_app
from app.api.http.limits import Limits
from app.telemetry import Telemetry

LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = LIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
BODY = b'{"inputs": ["a good film"]}'
HEAD = b"POST /v1/models/tiny-sentiment/predict HTTP/1.1\r\nHost: localhost\r\n"
PREDICT = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    root = tmp_path_factory.mktemp("models")
    publish_sentiment(root, tmp_path_factory.mktemp("scratch"))
    engine = far_engine(root, Telemetry())
    app = create_app(engine, Telemetry(), Limits())
    with listening(app, max_head_bytes=10_000, head_timeout_s=1, linger_s=0.5) as port:
        eventually(lambda: is_ready(port))
        yield port


def is_ready(port: int) -> bool:
    return answers(received(port, LAST.replace(b"live", b"ready")))[0].status == 200


def require_one_form(answer) -> None:
    envelope = json.loads(answer.body)
    assert envelope.keys() == {"error", "error_type", "request_id"}
    assert envelope["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["connection"] == "close"


NO_REQUEST = {
    "nonsense": b"nonsense\r\n\r\n",
    "TLS": bytes.fromhex("16030100a5010000a10303") + b"x" * 100,
    "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "unknown method": b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
    "small letters": b"get / http/1.1\r\nHost: x\r\n\r\n",
    "other version": b"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
    "NUL in the target": b"GET /a\x00b HTTP/1.1\r\nHost: x\r\n\r\n",
    "no ASCII in the target": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "no target": b"GET http://x.test HTTP/1.1\r\nHost: x\r\n\r\n",
    "no target for another protocol": b"GET http://x.test HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"\r\n",
    "lines end with LF": b"GET / HTTP/1.1\nHost: x\n\n",
    "lines end with CR": b"GET / HTTP/1.1\rHost: x\r\r",
    "folded header": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "blank before a colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "header without name": b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    "length and chunks": HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "list of lengths": HEAD + b"Content-Length: 3, 3\r\n\r\nabc",
    "negative length": HEAD + b"Content-Length: -1\r\n\r\n",
    "signed length": HEAD + b"Content-Length: +3\r\n\r\nabc",
    "length in hexadecimal": HEAD + b"Content-Length: 0x3\r\n\r\nabc",
    "length of 30 digits": HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nabc",
    "unknown transfer coding": HEAD + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "chunks not last": HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "size of a chunk": CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
    "negative size of a chunk": CHUNKED + b"-1\r\nabc\r\n0\r\n\r\n",
    "large size of a chunk": CHUNKED + b"F" * 40 + b"\r\nabc\r\n0\r\n\r\n",
    "chunk longer than it says": CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("sent", NO_REQUEST.values(), ids=NO_REQUEST.keys())
def test_what_is_no_request_is_answered_in_the_one_form(port, sent):
    (answer,) = answers(received(port, sent))
    assert answer.status == 400
    assert json.loads(answer.body)["error_type"] == "BadRequest"
    require_one_form(answer)


@pytest.mark.parametrize("sent", NO_REQUEST.values(), ids=NO_REQUEST.keys())
def test_what_follows_good_requests_comes_after_their_answers_and_not_instead(port, sent):
    *good, bad = answers(received(port, PREDICT + LIVE + PREDICT + sent))
    assert [answer.status for answer in good] == [200, 200, 200]
    assert [b"positive" in answer.body for answer in good] == [True, False, True]
    assert bad.status == 400
    require_one_form(bad)


@pytest.mark.parametrize("sent", [one for one in NO_REQUEST.values() if one.startswith(HEAD)])
def test_what_asks_with_head_and_is_no_request_is_refused_without_a_body(port, sent):
    head, end, body = received(port, sent.replace(b"POST", b"HEAD")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert (end, body) == (b"\r\n\r\n", b"")


def test_a_body_that_turns_out_to_be_none_is_answered_once_and_in_its_turn(port):
    broken_later = (CHUNKED + b"3\r\nabc\r\n", 0.2, b"zz\r\n")
    assert [answer.status for answer in answers(received(port, *broken_later))] == [400]
    assert [answer.status for answer in answers(received(port, PREDICT + LIVE, *broken_later))] == [200, 200, 400]
    unread = CHUNKED.replace(b"predict", b"nothing")  # answered before its body has come
    assert [answer.status for answer in answers(received(port, unread, 0.2, b"zz\r\n"))] == [404]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET / HTTP/1.1\r\nX-Large: " + b"x" * 20_000 + b"\r\n\r\n", id="one is large"),
        pytest.param(b"GET / HTTP/1.1\r\nX-Endless: " + b"x" * 2_000_000, id="one never ends"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 100_000 + b"\r\n", id="many"),
        pytest.param(b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", id="target"),
        pytest.param(CHUNKED + b"1\r\n{\r\n0\r\n" + b"a: b\r\n" * 100_000, id="after the body"),
    ],
)
def test_headers_above_their_limit_are_answered_after_what_was_good(port, sent):
    good, bad = answers(received(port, LIVE + sent))
    assert (good.status, bad.status) == (200, 431)
    require_one_form(bad)


def test_headers_after_the_body_are_no_headers(port):
    trailer = b"3\r\nabc\r\n0\r\nContent-Encoding: br\r\nX-Request-Id: mine\r\n\r\n"
    good, last = answers(received(port, CHUNKED + trailer + LAST))
    assert good.status == 422
    assert good.headers["x-request-id"] != "mine"
    assert last.status == 200


@pytest.mark.parametrize("wish", [UPGRADE, UPGRADE.replace(b"websocket", b"h2c"), UPGRADE.replace(b"websocket", b"x")])
def test_who_asks_for_another_protocol_is_answered_in_this_one_and_at_once(port, wish):
    started = monotonic()
    live = LIVE.replace(b"\r\n\r\n", b"\r\n" + wish + b"\r\n")
    predict = PREDICT.replace(b"Host", wish + b"Host")
    got = answers(received(port, live + predict + live + LAST))
    assert [answer.status for answer in got] == [200, 200, 200, 200]
    assert b"positive" in got[1].body
    (frame,) = answers(received(port, live + b"\x81\x85\x00\x00\x00\x00hello"))[1:]
    assert frame.status == 400
    assert monotonic() - started < 5


def test_methods_of_proxies_are_refused_and_options_of_the_whole_server_are_those_of_its_root(port):
    tunnel = b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n"
    (refused,) = answers(received(port, tunnel + b"\x16\x03\x01"))
    assert refused.status == 405
    require_one_form(refused)
    options, last = answers(received(port, b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n" + LAST))
    assert (options.status, options.headers["allow"], last.status) == (405, "get, head", 200)
    absolute, last = answers(received(port, LIVE.replace(b"/health", b"http://localhost/health") + LAST))
    assert (absolute.status, last.status) == (200, 200)


def test_of_thousands_of_requests_in_a_row_each_is_answered(port):
    got = answers(received(port, PREDICT + LIVE * 3000 + LAST))
    assert len(got) == 3002
    assert {answer.status for answer in got} == {200}


@pytest.mark.parametrize("sent", [b"GET /", b"GET / HTTP/1.1\r\nHost: x\r\n", LIVE + b"GET / HTTP/1.1\r\n"])
def test_headers_that_do_not_arrive_are_not_waited_for(port, sent):
    started = monotonic()
    *_, late = answers(received(port, sent, 0.3, b"a"))
    assert late.status == 408
    require_one_form(late)
    assert 0.9 < monotonic() - started < 10


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"\r\n\r\n\r\n"])
def test_a_connection_that_says_nothing_is_closed(port, sent):
    assert received(port, sent) == b""


def test_the_rest_of_a_body_that_has_its_answer_is_not_waited_for(port):
    head = CHUNKED.replace(b"predict", b"nothing")
    with connected(port) as connection:
        connection.sendall(head)
        started = monotonic()
        with suppress(ConnectionError):
            while monotonic() - started < 15:
                connection.sendall(b"1\r\nx\r\n")
                sleep(0.05)
        assert monotonic() - started < 10


def test_whoever_says_nothing_makes_room_for_others(app):
    with ExitStack() as opened, listening(app, most_connections=8, head_timeout_s=60) as port:
        eventually(lambda: is_ready(port))
        silent = [opened.enter_context(connected(port)) for _ in range(8)]
        in_head = silent[0]
        in_head.sendall(b"GET / HTTP/1.1\r\n")
        in_body = silent[1]
        in_body.sendall(HEAD + b"Content-Length: 100\r\nX-Request-Timeout-Ms: 60000\r\n\r\n{")
        sleep(0.2)
        for _ in range(20):  # they stay open, and take one place after the other
            newcomer = opened.enter_context(connected(port))
            newcomer.sendall(LIVE)
            assert newcomer.recv(65536).startswith(b"HTTP/1.1 200")
        for connection in (in_head, in_body):
            (told,) = answers(rest_of(connection))
            assert told.status == 503
            assert told.headers["retry-after"] == "1"
            require_one_form(told)


def test_when_all_are_busy_one_more_is_told_so_and_nobody_else_loses_an_answer():
    async def slow(scope, receive, send):
        if scope["type"] == "lifespan":
            return
        sleep_s = 1.0 if scope["path"] == "/slow" else 0.0
        await asyncio.sleep(sleep_s)
        await PlainTextResponse("done")(scope, receive, send)

    with ExitStack() as opened, listening(slow, most_connections=4) as port:
        busy = [opened.enter_context(connected(port)) for _ in range(4)]
        for connection in busy:
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        sleep(0.3)
        (refused,) = answers(received(port, LAST))
        assert refused.status == 503
        require_one_form(refused)
        for connection in busy:
            assert rest_of(connection).endswith(b"done")
        assert received(port, LAST).endswith(b"done")


def test_who_does_not_read_an_answer_loses_it(app):
    async def large(scope, receive, send):
        if scope["type"] == "http":
            await Response(b"x" * 30_000_000)(scope, receive, send)

    with listening(large, reading_timeout_s=1.0) as port:
        reader, idler = connected(port), connected(port)
        with reader, idler:
            for connection in (reader, idler):
                connection.sendall(LAST)
            (whole,) = answers(rest_of(reader))
            assert len(whole.body) == 30_000_000
            sleep(3)
            assert len(rest_of(idler)) < 30_000_000
