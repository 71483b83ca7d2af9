"""The process ends within its limit after SIGTERM, whatever hangs in it, and with right answers."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest
from graphs import publish_counting
from services import PREDICT, Service, free_port, running
from waiting import eventually

FOR_EVER = 10**12
LIMIT_S = 4.0
GRACE_S = 12.0  # of a busy machine; what hangs here hangs for ever
LONG_LIMIT_S = 60.0  # whoever waited for it would come after any grace


@pytest.fixture
def limit_s() -> float:
    return LIMIT_S


@pytest.fixture
def counting_service(models_dir: Path, tmp_path: Path, limit_s: float) -> Iterator[Service]:
    """One more model, whose item says how long it takes."""
    publish_counting(models_dir, tmp_path)
    with running(models_dir, TESSERA_THREADS="1", TESSERA_DRAIN_TIMEOUT_S=str(limit_s)) as service:
        yield service


def ended_after_sigterm(service: Service) -> tuple[int, float]:
    """The status with which it ended, and seconds since the signal."""
    started = monotonic()
    service.terminate()
    return service.ended(), monotonic() - started


def test_sigterm_ends_a_service_whose_model_hangs_while_it_is_loaded(models_dir, tmp_path):
    publish_counting(models_dir, tmp_path, "hangs", golden=[FOR_EVER])
    service = Service(models_dir, TESSERA_DRAIN_TIMEOUT_S=str(LONG_LIMIT_S))
    try:
        eventually(lambda: is_live(service), 30)
        assert httpx.post(service.url + PREDICT, json={"inputs": ["good"]}).status_code == 200
        status, took = ended_after_sigterm(service)
    finally:
        service.close()
    assert (status, took < GRACE_S) == (0, True)


@contextmanager
def hanging_requests(service: Service) -> Iterator[list[Future[int]]]:
    """Two requests whose kernel does not end: one is being computed, the other waits behind it. Told as statuses."""

    def ask() -> int:
        item, headers = {"inputs": [{"x": [FOR_EVER]}]}, {"X-Request-Timeout-Ms": "60000"}
        try:
            url = f"{service.url}/v1/models/counting/predict"
            return httpx.post(url, json=item, headers=headers, timeout=60).status_code
        except httpx.TransportError:
            return 0

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        eventually(lambda: service.metric('tessera_queue_rows{model="counting"') == 1)
        yield asking


def test_the_limit_holds_though_a_kernel_hangs_and_its_requests_are_told(counting_service):
    with hanging_requests(counting_service) as asking:
        status, took = ended_after_sigterm(counting_service)
        assert {each.result() for each in asking} <= {503, 504}  # 504: it was given up before, for the one behind it
    assert status == 0
    assert took < LIMIT_S + GRACE_S


def test_refusals_go_out_while_a_kernel_hangs_and_the_service_stops(counting_service):
    with hanging_requests(counting_service):
        counting_service.terminate()
        statuses: list[int] = []
        until = monotonic() + LIMIT_S / 2
        while monotonic() < until:
            statuses.append(httpx.post(counting_service.url + PREDICT, json={"inputs": ["good"]}).status_code)
        counting_service.ended()
    assert set(statuses[5:]) == {503}
    assert len(statuses) > 6


@pytest.mark.parametrize("limit_s", [LONG_LIMIT_S])
def test_a_second_signal_ends_a_service_that_drains(counting_service):
    with hanging_requests(counting_service) as asking:
        counting_service.terminate()
        eventually(lambda: httpx.get(f"{counting_service.url}/health/ready").status_code == 503)
        _, took = ended_after_sigterm(counting_service)
        assert {each.result() for each in asking} <= {0, 503, 504}
    assert took < GRACE_S


SLOW_BODIES = (PREDICT, "/v2/models/tiny-sentiment/infer", "/v2/repository/index", "/hf/models/tiny-sentiment")


def test_bodies_that_do_not_arrive_are_refused_and_keep_nobody_longer_than_the_limit(counting_service):
    head = "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    with ExitStack() as stack:
        connections = []
        for path in SLOW_BODIES:
            connections.append(
                stack.enter_context(socket.create_connection(("127.0.0.1", counting_service.port), timeout=10))
            )
            connections[-1].sendall(head.format(path).encode())
        sleep(0.3)
        status, took = ended_after_sigterm(counting_service)
        answers = [connection.recv(1000)[:12] for connection in connections]
    assert answers == [b"HTTP/1.1 503"] * len(SLOW_BODIES)
    assert status == 0
    assert took < LIMIT_S + GRACE_S


BLOCKS_ITS_LOOP = """
import sys, threading, time
import app.main
from app.__main__ import main

class Blocked(app.main.Server):
    def _drain(self):
        print("blocked", flush=True)
        while True: sum(range(10_000))  # no signal that asyncio knows gets through here

app.main.Server = Blocked
sys.exit(main())
"""


@pytest.mark.parametrize(("signals", "limit_s"), [(1, 3.0), (2, LONG_LIMIT_S)])
def test_the_process_ends_though_its_event_loop_never_comes_back(models_dir, signals, limit_s):
    service = Service(models_dir, entry=("-c", BLOCKS_ITS_LOOP), TESSERA_DRAIN_TIMEOUT_S=str(limit_s))
    try:
        eventually(service.is_ready, 30)
        started = monotonic()
        service.terminate()
        if signals == 2:
            sleep(0.5)
            service.terminate()
        assert service.ended() == 1
        assert monotonic() - started < 3.0 + GRACE_S
    finally:
        service.close()


def test_the_process_ends_though_nobody_reads_its_log(models_dir):
    environment = {**os.environ, "TESSERA_MODELS_DIR": str(models_dir), "TESSERA_DEVICE": "cpu"}
    port = free_port()
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", str(port)],
        env={**environment, "TESSERA_DRAIN_TIMEOUT_S": "3"},
        stderr=write,
    )
    try:
        eventually(lambda: is_ready(port), 30)
        os.set_blocking(write, False)
        with suppress(BlockingIOError):
            while True:
                os.write(write, b"." * 4096)
        os.set_blocking(write, True)
        started = monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        assert monotonic() - started < 3.0 + GRACE_S
    finally:
        process.kill()
        process.wait()
        os.close(read)
        os.close(write)


def is_live(service: Service) -> bool:
    try:
        return httpx.get(f"{service.url}/v2/models/tiny-sentiment/ready").status_code == 200
    except httpx.TransportError:
        return False


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def test_a_newer_version_of_another_task_that_takes_over_while_a_body_arrives(models_dir, tmp_path):
    service = Service(models_dir, TESSERA_KEEP_VERSIONS="1")
    body = json.dumps({"inputs": ["a good film"]}).encode()
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    try:
        eventually(service.is_ready, 30)
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
            connection.sendall(head + body[:5])
            sleep(0.2)
            publish_counting(models_dir, tmp_path, "tiny-sentiment")
            loaded = httpx.post(f"{service.url}/v1/models/tiny-sentiment/load", timeout=20)
            assert (loaded.status_code, loaded.json()["task"]) == (200, "tensors")
            connection.sendall(body[5:])
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    finally:
        service.close()
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"ask again" in answer
