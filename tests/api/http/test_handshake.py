"""TLS over real sockets: whoever shakes hands is answered, and whoever does not keeps nobody out."""

import os
import socket
import ssl
from collections.abc import Iterator
from time import monotonic

import httpx
import pytest
from certificates import AUTHORITY, write_certificate
from sockets import answers, connected, listening, rest_of
from starlette.responses import PlainTextResponse
from waiting import eventually

from app.api.http import certificate
from app.api.http.certificate import Certificate

MOST = 4
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def app(scope, receive, send):
    if scope["type"] == "http":
        await PlainTextResponse(scope["scheme"])(scope, receive, send)


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    own = Certificate(*write_certificate(tmp_path_factory.mktemp("tls")))
    bounds = {"head_timeout_s": 1, "linger_s": 0.5, "max_head_bytes": 10_000}
    with listening(app, MOST, own, request.param, **bounds) as port:
        yield port


@pytest.fixture
def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def shaken(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(connected(port), server_hostname="localhost")


def test_requests_are_answered_and_know_that_they_are_encrypted(port, trusting):
    with httpx.Client(verify=trusting, base_url=f"https://localhost:{port}") as client:
        assert [client.get("/").text for _ in range(3)] == ["https"] * 3
    for _ in range(20):  # each with a handshake of its own, whose first bytes may come before anybody reads
        assert httpx.get(f"https://localhost:{port}", verify=trusting).text == "https"


def test_a_request_may_come_with_the_last_bytes_of_the_handshake(port, trusting):
    sent, received = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(received, sent, server_hostname="localhost")
    with connected(port) as connection:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                connection.sendall(sent.read())
                received.write(connection.recv(65536))
        client.write(LAST)
        connection.sendall(sent.read())
        received.write(rest_of(connection))
    assert [one.body for one in answers(client.read(65536) + client.read(65536))] == [b"https"]


def test_a_handshake_may_come_in_pieces(port, trusting):
    sent, received = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(received, sent, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = sent.read()
    with connected(port) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(hello), 50):
            connection.sendall(hello[at : at + 50])
        received.write(connection.recv(65536))
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                received.write(connection.recv(65536))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_from_1_2_on_are_spoken(port, trusting, version):
    trusting.minimum_version = trusting.maximum_version = version
    with shaken(port, trusting) as connection:
        assert connection.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
        connection.sendall(LAST)
        assert [one.status for one in answers(rest_of(connection))] == [200]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # which is our point
def test_no_older_version_is(port, trusting):
    trusting.minimum_version = trusting.maximum_version = ssl.TLSVersion.TLSv1_1
    trusting.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        shaken(port, trusting)


def test_whoever_connects_and_says_nothing_makes_room_for_others(port, trusting):
    silent = [connected(port) for _ in range(3 * MOST)]
    assert httpx.get(f"https://localhost:{port}", verify=trusting).text == "https"
    for connection in silent:
        connection.close()


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01", GET])
def test_a_handshake_that_does_not_end_is_ended(port, said):
    started = monotonic()
    with connected(port) as connection:
        connection.sendall(said)
        assert rest_of(connection) in (b"", b"\x15\x03\x01\x00\x02\x02\x46")  # nothing, or an alert
    assert monotonic() - started < 10


def test_what_is_refused_before_it_is_a_request_is_told_over_tls_too(port, trusting):
    with shaken(port, trusting) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n")
        assert [one.status for one in answers(rest_of(connection))] == [431]
    with shaken(port, trusting) as connection:
        connection.sendall(GET[:10])  # and never the rest
        assert [one.status for one in answers(rest_of(connection))] == [408]


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_server_that_stops_waits_for_no_handshake(tmp_path, loop):
    with listening(app, MOST, Certificate(*write_certificate(tmp_path)), loop, head_timeout_s=60) as port:
        silent = connected(port)
        silent.sendall(b"\x16")
        started = monotonic()
    assert monotonic() - started < 15
    assert rest_of(silent) == b""
    silent.close()


def test_a_renewed_certificate_is_shown_to_whoever_connects_then(tmp_path, trusting, monkeypatch):
    monkeypatch.setattr(certificate, "LOOK_AGAIN_S", 0.0)
    files, new = write_certificate(tmp_path), write_certificate(tmp_path, name="new")
    with listening(app, MOST, Certificate(*files)) as port, shaken(port, trusting) as before:
        for written, kept in zip(new, files, strict=True):
            os.replace(written, kept)

        def is_new() -> bool:
            with shaken(port, trusting) as now:
                return now.getpeercert()["serialNumber"] != before.getpeercert()["serialNumber"]

        eventually(is_new)
        before.sendall(LAST)
        assert [one.status for one in answers(rest_of(before))] == [200]
