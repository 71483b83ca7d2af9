"""The log of a service, for whose reader nobody waits."""

import json
import os
import socket
import subprocess
import sys

import httpx
import pytest
from services import PREDICT, Service
from test_server import received, service
from waiting import eventually

__all__ = ["service"]


def test_a_reader_of_the_log_that_has_stopped_stops_nobody(models_dir):
    service = Service(models_dir)  # nobody reads its stderr before the end
    try:
        eventually(service.is_ready, 30)
        head = b"GET /no/such/path HTTP/1.1\r\nHost: x\r\n"
        for _ in range(12):
            answers = received(service.port, (head + b"\r\n") * 499 + head + b"Connection: close\r\n\r\n")
            assert answers.count(b"HTTP/1.1 404") == 500
        for _ in range(1000):
            with socket.create_connection(("127.0.0.1", service.port), timeout=10) as broken:
                broken.sendall(b"nonsense\r\n\r\n")
                broken.recv(65536)
        assert httpx.get(f"{service.url}/health/live", timeout=5).status_code == 200
        assert service.metric("tessera_log_lines_dropped_total") > 1000
        service.terminate()
        assert service.ended() == 0
    finally:
        service.process.kill()
        service.process.communicate()


@pytest.mark.parametrize("settings", [{}, {"TESSERA_LOG_FORMAT": "json"}, {"TESSERA_LOG_REQUESTS": "0"}], ids=str)
def test_each_request_has_a_line_in_the_log_unless_a_share_is_asked_for(models_dir, settings):
    service = Service(models_dir, **settings)
    try:
        eventually(service.is_ready, 30)
        for request_id, text in (("first", "a good film"), ("second", "")):
            headers = {"X-Request-Id": request_id}
            httpx.post(service.url + PREDICT, json={"inputs": [text]}, headers=headers)
        httpx.get(f"{service.url}/%0A%1B[31m\u202e", headers={"X-Request-Id": "third\tforged"})
    finally:
        lines = ended_with_its_log(service).splitlines()
    told = [line for line in lines if "app.access" in line]
    asked = [any(request_id in line for line in told) for request_id in ("first", "second")]
    assert asked == [settings.get("TESSERA_LOG_REQUESTS") != "0", True]
    assert "forged" not in "".join(lines)
    assert all(line.isprintable() for line in lines)
    if "TESSERA_LOG_FORMAT" in settings:
        assert {json.loads(line)["level"] for line in lines} == {"INFO"}
        one = next(json.loads(line) for line in told if "first" in line)
        assert (one["model"], one["version"], one["status"]) == ("tiny-sentiment", 1, 200)


def ended_with_its_log(service: Service) -> str:
    service.terminate()
    return service.process.communicate(timeout=20)[1]


def test_a_key_is_revoked_while_the_service_runs_and_its_secret_is_not_in_the_log(models_dir, tmp_path):
    keys = {"TESSERA_KEYS_FILE": str(tmp_path / "keys.json")}
    service = Service(models_dir, TESSERA_KEYS="on", **keys)

    def manage(*arguments: str) -> str:
        command = [sys.executable, "-m", "app", "keys", *arguments]
        return subprocess.run(
            command, env={**os.environ, **keys}, capture_output=True, text=True, timeout=60, check=True
        ).stdout.strip()

    def status(secret: str) -> int:
        headers = {"Authorization": f"Bearer {secret}"}
        return httpx.post(service.url + PREDICT, json={"inputs": ["good"]}, headers=headers).status_code

    try:
        eventually(service.is_ready, 30)
        assert httpx.get(f"{service.url}/v1/models").status_code == 401
        secret = manage("add", "laptop")
        eventually(lambda: status(secret) == 200, 5)
        assert status(secret + "x") == 401
        large = httpx.post(service.url + PREDICT, content=b"x" * 5_000_000)
        assert large.status_code == 401
        manage("revoke", "laptop")
        eventually(lambda: status(secret) == 401, 5)
        with socket.create_connection(("127.0.0.1", service.port)) as broken:
            broken.sendall(f"POST {PREDICT} HTTP/1.1\r\nAuthorization: Bearer {secret}\r\n\x00\r\n\r\n".encode())
            assert broken.recv(65536).startswith(b"HTTP/1.1 400")
    finally:
        log = ended_with_its_log(service)
    assert "there are none in" in log
    assert "keys are now: laptop" in log
    assert secret[16:] not in log
