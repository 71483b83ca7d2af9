"""Closed-loop load: wrk keeps a number of connections busy, each waiting for its answer before it asks again."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.requests import Request

SCRIPT = Path(__file__).with_name("requests.lua")
TIMEOUT_S = 20


def require_wrk() -> None:
    if shutil.which("wrk") is None:
        raise SystemExit(
            "error: wrk is missing; install it with `apt-get install wrk` (Debian, Ubuntu) or `brew install wrk`"
        )


def closed_loop(url: str, request: Request, connections: int, seconds: float) -> dict[str, Any]:
    """Answers with status 2xx a second, latencies in ms, and what went wrong."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", f"--timeout={TIMEOUT_S}s", f"-s{SCRIPT}"]
    environment = {"CONTENT_TYPE": request.content_type, "BODIES" if request.is_lines else "BODY": str(request.file)}
    found = subprocess.run(
        [*command, url + request.path], env={**os.environ, **environment}, capture_output=True, text=True
    )
    if found.returncode:
        raise RuntimeError(f"wrk failed: {found.stderr.strip() or found.stdout.strip()}")
    return parse(found.stdout)


def parse(output: str) -> dict[str, Any]:
    """The measurement in what requests.lua made wrk print. wrk counts as answers those of other status, too."""
    match = re.search(r"^RESULT (\{.*\})$", output, re.MULTILINE)
    if match is None:
        raise ValueError(f"wrk printed no result: {output!r}")
    found = json.loads(match[1])
    return {
        "throughput": (found["requests"] - found["bad_status"]) / (found["duration_us"] / 1e6),
        "p50_ms": found["p50_us"] / 1000,
        "p90_ms": found["p90_us"] / 1000,
        "p99_ms": found["p99_us"] / 1000,
        "max_ms": found["max_us"] / 1000,
        "answers": found["requests"] - found["bad_status"],
        "errors": sum(found[kind] for kind in ("bad_status", "connect", "read", "write", "timeout")),
    }
