"""The service as a process of its own, and what tests ask of it."""

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
from graphs import publish_tensors, save
from onnx import helper
from waiting import eventually

from app.repository.manifest import Batching

MODELS = Path(__file__).parents[1] / "models"
PREDICT = "/v1/models/tiny-sentiment/predict"
SLOW = "/v1/models/slow/predict"


def free_port() -> int:
    """Return a port for a process that is about to start. The system gives none of these to a connection meanwhile."""
    while True:
        port = random.SystemRandom().randrange(15_000, 32_000)
        with socket.socket() as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port


class Service:
    def __init__(
        self, models_dir: Path, under: Sequence[str] = (), entry: Sequence[str] = ("-m", "app"), **settings: str
    ) -> None:
        self.port = port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.grpc_place = f"127.0.0.1:{settings.get('TESSERA_GRPC_PORT', '')}"
        self.models_dir = models_dir
        environment = {
            "TESSERA_MODELS_DIR": str(models_dir),
            "TESSERA_DEVICE": "cpu",
            "TESSERA_DATABASE_URL": f"sqlite:///{models_dir.parent}/events.db",
            **settings,
        }
        self.process = subprocess.Popen(
            [*under, sys.executable, *entry, "serve", "--port", str(port)],
            env={**os.environ, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )

    def is_ready(self) -> bool:
        """Raises AssertionError with its last words if it has ended, which is to be known at once."""
        if self.process.poll() is not None and self.process.stderr:
            raise AssertionError(f"the service has ended: {self.process.stderr.read()}")
        try:
            return httpx.get(f"{self.url}/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def metric(self, name: str) -> float:
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        return self.process.wait(20)

    def close(self) -> None:
        """End it, by force if it does not listen."""
        self.terminate()
        try:
            self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


@contextmanager
def running(models_dir: Path, seconds: float = 90, **settings: str) -> Iterator[Service]:
    """A service that is ready; it is ended afterwards."""
    service = Service(models_dir, **settings)
    try:
        eventually(service.is_ready, seconds)
        yield service
    finally:
        service.close()


def publish_slow(root: Path, scratch: Path) -> None:
    """A model that takes some tenths of a second a row: a chain of products that cannot be folded away."""
    size, steps = 512, 80
    names = ["scaled", *(f"step{i}" for i in range(steps))]
    nodes = [
        helper.make_node("Unsqueeze", ["x", "last"], ["x_3d"]),
        helper.make_node("Mul", ["x_3d", "weight"], ["scaled"]),
        *(helper.make_node("MatMul", [one, "weight"], [next_]) for one, next_ in pairwise(names)),
        helper.make_node("ReduceSum", [names[-1], "axes"], ["y"], keepdims=0),
    ]
    x, y, weight = ("x", "FP32", ["n", 1]), ("y", "FP32", ["n"]), (np.eye(size) * 0.5).astype(np.float32)
    last, axes = np.array([-1], np.int64), np.array([1, 2], np.int64)
    graph = save(scratch / "slow.onnx", nodes, [x], [y], weight=weight, last=last, axes=axes)
    publish_tensors(root, "slow", graph, [x], [y], batching=Batching(max_batch_size=1))
