"""The service as a process of its own, over real sockets."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from math import inf
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest
from graphs import publish_counting
from services import PREDICT, SLOW, Service, publish_slow, running
from waiting import eventually


@pytest.fixture
def service(models_dir: Path) -> Iterator[Service]:
    with running(models_dir) as service:
        yield service


@pytest.fixture
def slow_service(models_dir: Path, tmp_path: Path) -> Iterator[Service]:
    publish_slow(models_dir, tmp_path)
    with running(models_dir, TESSERA_THREADS="1") as service:
        yield service


def test_after_sigterm_what_was_admitted_is_answered_and_the_rest_gets_503(slow_service):
    def ask() -> int:
        return httpx.post(slow_service.url + SLOW, json={"inputs": [{"x": [1]}] * 15}, timeout=60).status_code

    with ThreadPoolExecutor(1) as pool:
        admitted = pool.submit(ask)
        eventually(lambda: slow_service.metric('tessera_queue_rows{model="slow"') > 5)
        slow_service.terminate()
        eventually(lambda: httpx.get(f"{slow_service.url}/health/ready").status_code == 503)
        late = httpx.post(slow_service.url + SLOW, json={"inputs": [{"x": [1]}]}, timeout=60)
        assert admitted.result() == 200
    assert late.status_code == 503
    assert late.headers["connection"] == "close"
    assert "stopping" in late.json()["error"]
    assert slow_service.ended() == 0


def test_sigterm_under_a_storm_of_requests_cuts_no_answer(service):
    statuses: list[int] = []
    told_to_stop = threading.Event()

    def keep_asking() -> None:
        with httpx.Client(base_url=service.url, timeout=20) as client:
            while True:
                try:
                    statuses.append(client.post(PREDICT, json={"inputs": ["a good film"] * 8}).status_code)
                except (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError) as error:
                    if not told_to_stop.is_set() or "incomplete" in str(error):  # an answer was cut
                        raise
                    return  # the door is closed: this one was never admitted

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(keep_asking) for _ in range(8)]
        eventually(lambda: len(statuses) > 50)
        told_to_stop.set()
        service.terminate()
        code = service.ended()
        for each in asking:
            each.result()
    assert code == 0
    assert set(statuses) <= {200, 503}


def test_a_second_service_on_the_same_port_fails_with_a_clear_message(service, models_dir):
    taken = subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", str(service.port)],
        env={**os.environ, "TESSERA_MODELS_DIR": str(models_dir)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert taken.returncode != 0
    assert "address already in use" in taken.stderr


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("TESSERA_MODEL_DIR", "x", "unknown setting TESSERA_MODEL_DIR"), ("TESSERA_PORT", "eighty", "port")],
)
def test_a_setting_that_would_have_no_effect_is_an_error(name, value, says):
    refused = subprocess.run(
        [sys.executable, "-m", "app", "serve"],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert refused.returncode == 2
    assert says in refused.stderr


def test_a_client_that_hangs_up_is_not_computed_for(slow_service):
    body = b'{"inputs": [' + b",".join([b'{"x": [1]}'] * 20) + b"]}"
    head = f"POST {SLOW} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    before = slow_service.metric('tessera_batch_rows_count{model="slow"')
    with socket.create_connection(("127.0.0.1", slow_service.port)) as connection:
        connection.sendall(head + body)
        eventually(lambda: slow_service.metric('tessera_queue_rows{model="slow"') > 15)
    eventually(lambda: slow_service.metric('tessera_queue_rows{model="slow"') == 0, 2)
    computed = slow_service.metric('tessera_batch_rows_count{model="slow"') - before
    dropped = slow_service.metric('tessera_rows_dropped_total{model="slow",reason="abandoned"')
    assert dropped >= 10
    assert computed <= 20 - dropped


def test_504_comes_on_time_while_the_kernel_still_runs(slow_service):
    def seconds(timeout_ms: int) -> float:
        started = monotonic()
        headers = {"X-Request-Timeout-Ms": str(timeout_ms)}
        reply = httpx.post(slow_service.url + SLOW, json={"inputs": [{"x": [1]}]}, headers=headers, timeout=20)
        if timeout_ms < 1000 and reply.status_code == 429:  # the kernel still runs for the request before
            sleep(0.1)
            return inf
        assert reply.status_code == (504 if timeout_ms < 1000 else 200)
        return monotonic() - started

    whole = min(seconds(20_000) for _ in range(3))
    assert any(seconds(20) < whole / 2 for _ in range(10))


def test_a_second_sigterm_means_now(slow_service):
    def ask() -> None:
        with suppress(httpx.TransportError):
            httpx.post(slow_service.url + SLOW, json={"inputs": [{"x": [1]}] * 60}, timeout=60)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(ask)
        eventually(lambda: slow_service.metric('tessera_queue_rows{model="slow"') >= 50)
        started = monotonic()
        slow_service.terminate()
        eventually(lambda: httpx.get(f"{slow_service.url}/health/ready").status_code == 503)
        slow_service.terminate()
        slow_service.ended()
        assert monotonic() - started < 15


def test_a_client_that_goes_while_it_sends_is_no_error_of_ours(service):
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(head + b'{"inputs"')
        sleep(0.1)
    route = "/v1/models/{model}/predict"
    eventually(lambda: service.metric(f'tessera_requests_total{{method="POST",route="{route}",status="499"}}') == 1)


def test_a_body_that_does_not_arrive_in_time_does_not_keep_the_connection_for_ever(service):
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nX-Request-Timeout-Ms: 100\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        connection.sendall(head.encode() + b'{"inputs"')
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 504")


def test_slow_bodies_are_refused_when_the_service_stops_and_do_not_keep_it(service):
    head = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nX-Request-Timeout-Ms: 600000\r\n\r\n"
    paths = (PREDICT, "/v2/models/tiny-sentiment/infer", "/v2/repository/index")
    with ExitStack() as opened:
        slow = [opened.enter_context(socket.create_connection(("127.0.0.1", service.port), 10)) for _ in paths]
        for connection, path in zip(slow, paths, strict=True):
            connection.sendall(head.format(path).encode() + b'{"inputs"')
        sleep(0.3)
        started = monotonic()
        service.terminate()
        for connection in slow:
            answer = b"".join(iter(lambda: connection.recv(65536), b""))  # noqa: B023 (read at once)
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"the service is stopping" in answer
            assert b"\r\nconnection: close\r\n" in answer
        assert service.ended() == 0
        assert monotonic() - started < 20


def test_it_answers_while_it_is_still_loading(models_dir, tmp_path):
    publish_slow(models_dir, tmp_path)
    service = Service(models_dir)
    try:
        end, seen = monotonic() + 30, set()
        while monotonic() < end and 200 not in seen:
            try:
                reply = httpx.get(f"{service.url}/health/ready")
                seen.add(reply.status_code)
                if reply.status_code == 503:
                    assert reply.json()["reason"]
                    assert httpx.get(f"{service.url}/health/live").status_code == 200
            except httpx.ConnectError:
                sleep(0.01)
        assert seen == {200, 503}
    finally:
        service.close()


def received(port: int, *parts: bytes) -> bytes:
    """All that comes back until the connection is closed."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        with suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        with suppress(ConnectionError):
            while part := connection.recv(65536):
                answer += part
    return answer


@pytest.mark.parametrize(
    "head",
    [
        b"X-Large: " + b"x" * 20_000 + b"\r\n\r\n",
        b"X-Endless: " + b"x" * 2_000_000,
        b"".join(b"X-Many-%d: x\r\n" % i for i in range(3000)) + b"\r\n",
    ],
    ids=["one is large", "one never ends", "many"],
)
def test_headers_above_their_limit_get_431_in_the_envelope(models_dir, head):
    service = Service(models_dir, TESSERA_MAX_HEADER_BYTES="10000")
    try:
        eventually(service.is_ready, 30)
        answer = received(service.port, b"GET /health/live HTTP/1.1\r\nHost: x\r\n", head)
        # A client that is still sending may see its connection reset before the answer.
        assert answer.startswith(b"HTTP/1.1 431") or (not answer and len(head) > 1_000_000)
        if answer:
            assert b'"error_type":"RequestHeaderFieldsTooLarge"' in answer
        large_body = httpx.post(service.url + PREDICT, json={"inputs": ["good"], "parameters": {"x": "y" * 50_000}})
        assert large_body.status_code == 422
        head = b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Fits: " + b"x" * 9_000 + b"\r\n"
        assert received(service.port, (head + b"\r\n") * 3 + head + b"Connection: close\r\n\r\n").count(b"200 OK") == 4
    finally:
        service.close()


def test_a_kernel_that_never_ends_does_not_keep_the_service_from_ending_well(models_dir, tmp_path):
    publish_counting(models_dir, tmp_path)
    service = Service(models_dir, TESSERA_DRAIN_TIMEOUT_S="1")
    try:
        eventually(service.is_ready)
        with ThreadPoolExecutor(2) as threads:
            endless = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1e12]}
            asked = [
                threads.submit(httpx.post, f"{service.url}/v2/models/counting/infer", json={"inputs": [endless]})
                for _ in range(2)
            ]
            eventually(lambda: service.metric("tessera_queue_rows") == 0)
            sleep(0.2)
            service.terminate()
            assert service.ended() == 0
            assert [one.exception() or one.result().status_code for one in asked] == [503, 503]
    finally:
        service.close()
