"""Waiting until a service answers."""

import time
from contextlib import suppress
from http.client import HTTPException
from subprocess import Popen
from urllib.request import urlopen

START_S = 120.0


def until_ready(port: int, process: Popen[bytes], within_s: float = START_S) -> None:
    """Return when a service that was started is ready. Raises SystemExit if it ends, or is not ready in time."""
    end = time.monotonic() + within_s
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError, HTTPException):
            urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=10).close()
            return
        time.sleep(0.1)
    raise SystemExit(f"error: the service on port {port} did not become ready; its log says why")
