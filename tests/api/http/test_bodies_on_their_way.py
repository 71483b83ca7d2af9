"""Bodies on their way to a service: compressed, too large, too slow, and answers that nobody reads."""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from socket import socket
from time import monotonic

import pytest
from conftest import ready
from engines import far_engine
from graphs import publish_counting, publish_cumulated
from sockets import Answer, answers, connected, listening, received, rest_of
from starlette.testclient import TestClient
from test_transit import BODY, HEAD, PREDICT, READY, WHOLE
from waiting import eventually

from app.api.app import create_app
from app.api.http.limits import Limits
from app.api.http.middleware import RequestContext
from app.telemetry import Telemetry


@pytest.fixture
def client(engine) -> Iterator[TestClient]:
    with ready(create_app(engine, Telemetry(), Limits())) as client:
        yield client


TEXT = json.dumps({"inputs": ["a good film"]}).encode()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("path", [PREDICT, "/v1/models/tiny-sentiment/explain", "/hf/models/tiny-sentiment"])
def test_every_dialect_reads_what_is_compressed(client, path, encoding):
    body = {"inputs": "a good film"} if path.startswith("/hf") else {"inputs": ["a good film"]}
    content = json.dumps(body).encode()
    compressed = gzip.compress(content) if encoding == "gzip" else zlib.compress(content)
    reply = client.post(path, content=compressed, headers={"Content-Encoding": encoding})
    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("path", ["/v2/repository/index", "/v2/repository/models/tiny-sentiment/load"])
def test_other_routes_read_it_too(client, path):
    reply = client.post(path, content=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})
    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("path", [PREDICT, "/hf/models/tiny-sentiment", "/v2/models/tiny-sentiment/infer"])
def test_other_encodings_are_refused_with_those_that_are_not(client, path):
    reply = client.post(path, content=TEXT, headers={"Content-Encoding": "br"})
    assert reply.status_code == 415
    assert reply.headers["accept-encoding"] == "gzip, deflate"
    assert reply.json()["error_type"] == "UnsupportedEncoding"
    assert client.post(path, content=TEXT, headers={"Content-Encoding": "identity"}).status_code != 415


def test_a_bomb_is_refused_in_every_dialect(client):
    bomb = gzip.compress(bytes(100_000_000))
    for path in (PREDICT, "/hf/models/tiny-sentiment", "/v2/models/tiny-sentiment/infer", "/v2/repository/index"):
        reply = client.post(path, content=bomb, headers={"Content-Encoding": "gzip"})
        assert reply.status_code == 413, path
        assert "when it is inflated" in reply.json()["error"] or "may have here" in reply.json()["error"]


@pytest.fixture
def port(engine) -> Iterator[int]:
    limits = Limits(request_timeout_s=30, max_body_bytes=1_000_000, bodies_bytes=3_000_000)
    with listening(create_app(engine, Telemetry(), limits)) as port:
        eventually(lambda: answers(received(port, READY))[0].status == 200)
        yield port


def test_who_asks_before_it_sends_too_much_is_told_so_without_being_asked_for_it(port):
    expects = b"Expect: 100-continue\r\n"
    too_much = HEAD + expects + b"Content-Length: 2000000\r\n\r\n"
    (refused,) = answers(received(port, too_much))
    assert refused.status == 413
    assert refused.headers["connection"] == "close"
    nobody = HEAD.replace(b"tiny-sentiment", b"nobody") + expects + b"Content-Length: 10\r\n\r\n"
    (unknown,) = answers(received(port, nobody))
    assert (unknown.status, unknown.headers["connection"]) == (404, "close")
    with connected(port) as connection:
        connection.sendall(HEAD + expects + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        (answer,) = answers(rest_of(connection))
        assert answer.status == 200


def test_slow_and_large_bodies_leave_room_for_everybody_else(port):
    """Each lacks its last byte; together they would be ten times what all may have."""
    head = b"POST /v2/models/tiny-sentiment/infer HTTP/1.1\r\nHost: localhost\r\nX-Request-Timeout-Ms: 600000\r\n"
    size = 1_000_000
    with ExitStack() as opened:
        slow = [opened.enter_context(connected(port)) for _ in range(30)]
        for connection in slow:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % size + b" " * (size - 1))
            (answer,) = answers(received(port, WHOLE))
            assert answer.status == 200
        told = [answers(first_of(connection))[0] for connection in slow[:20]]
        assert {answer.status for answer in told} == {429}
        assert {answer.headers["retry-after"] for answer in told} == {"1"}


def first_of(connection) -> bytes:
    content = connection.recv(65536)
    head, _, body = content.partition(b"\r\n\r\n")
    length = int(dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])[b"content-length"])
    while len(body) < length:
        content += (part := connection.recv(65536))
        body += part
    return content


def test_every_route_waits_for_a_body_as_long_as_its_request_says_and_no_longer(port):
    for path in ("/v2/repository/index", "/v2/repository/models/tiny-sentiment/load", PREDICT):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Request-Timeout-Ms: 100\r\nConnection: close\r\n"
        started = monotonic()
        (answer,) = answers(received(port, head.encode() + b"Content-Length: 10\r\n\r\n{"))
        assert answer.status == 504, path
        assert monotonic() - started < 5


def serving(models_dir: Path, **limits: int) -> RequestContext:
    engine = far_engine(models_dir, Telemetry(), threads=2)
    return create_app(engine, Telemetry(), Limits(request_timeout_s=30, **limits))


def asking(model: str, content: bytes, *headers: str) -> bytes:
    lines = [f"POST /v2/models/{model}/infer HTTP/1.1", "Host: localhost", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + content


def test_work_of_who_has_more_than_half_of_the_room_makes_room_for_others(tmp_path):
    """Its requests never end, and so would keep everybody else out for as long as they may take."""
    publish_counting(tmp_path / "models", tmp_path)
    app = serving(tmp_path / "models", max_body_bytes=1_000_000, bodies_bytes=2_000_000)

    def counts_to(steps: float) -> bytes:
        numbers = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [steps]}
        return asking("counting", json.dumps({"inputs": [numbers]}).ljust(900_000).encode())

    with listening(app) as port, connected(port, "127.0.0.2") as first, connected(port, "127.0.0.2") as second:
        eventually(lambda: answers(received(port, READY))[0].status == 200)
        for connection in (first, second):
            connection.sendall(counts_to(1e12))
            assert answers(received(port, READY))[0].status == 200  # so it has been read, at least in part
        with connected(port) as few:
            eventually(lambda: answered(few, counts_to(1)).status == 200)
        (refused,) = answers(first_of(second))
        assert refused.status == 429
        assert refused.headers["retry-after"] == "1"
        assert b"you have more of it" in refused.body
        first.settimeout(0.1)
        with pytest.raises(TimeoutError):
            first.recv(1)


def answered(connection: socket, request: bytes) -> Answer:
    connection.sendall(request)
    (answer,) = answers(first_of(connection))
    return answer


def test_a_large_answer_that_nobody_reads_does_not_keep_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr("app.api.http.transit.READ_WITHIN_S", 0.5)
    publish_cumulated(tmp_path / "models", tmp_path)
    app = serving(tmp_path / "models", max_body_bytes=16_000_000, bodies_bytes=20_000_000)
    numbers = bytes(12_000_000)  # more than sockets hold
    with listening(app) as port, connected(port) as slow, connected(port) as other:
        eventually(lambda: answers(received(port, READY))[0].status == 200)
        slow.sendall(asking("sums", numbers, "Inference-Header-Content-Length: 0"))
        slow.recv(1)  # its answer has begun

        def is_answered() -> bool:
            other.sendall(asking("sums", numbers, "Inference-Header-Content-Length: 0"))
            return first_of(other).startswith(b"HTTP/1.1 200")

        eventually(is_answered)
        assert len(rest_of(slow)) < len(numbers), "it was broken off"
