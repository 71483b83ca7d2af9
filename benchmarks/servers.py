"""Who is measured, and with which settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.graphs import Kind, bodies
from benchmarks.requests import Request

PEERS = Path(__file__).parent / "peers"
PEERS_PYTHON = Path("build/bench/peers/bin/python")


@dataclass(frozen=True, slots=True)
class Server:
    """`command` is run with {python}, {bin}, {port} and {workers} filled in; `batch_size` 1 is without batching.

    `photos` says in which form it takes a photo, and where.
    """

    name: str
    family: str
    settings: str
    command: str
    text: str
    photos: dict[str, str]
    batch_size: int = 1
    dialect: str = "plain"

    def request(self, load: str) -> Request | None:
        """None if it does not take photos in this form."""
        path = self.text if load in ("short", "mixed") else self.photos.get(load)
        return bodies(load, self.dialect, path) if path else None

    def probe(self, kind: Kind) -> Request:
        loads = ("short",) if kind == "text" else ("raw", "multipart")
        return next(request for load in loads if (request := self.request(load)))


def _peer(family: str, settings: str, command: str, text: str, photos: dict[str, str], **more: Any) -> Server:
    batch_size = more.get("batch_size", 1)
    name = family if batch_size > 1 or family == "fastapi" else f"{family}-single"
    return Server(name, family, settings, command, text, photos, **more)


LITSERVE = "{python} litserve_server.py", "/predict", {"multipart": "/predict"}
MOSEC = "{python} mosec_server.py --address 127.0.0.1 --port {port} --log-level warning --timeout {deadline_ms}"
MOSEC_PATHS = "/inference", {"raw": "/inference"}
BENTOML = "{bin}/bentoml serve bentoml_service:Runner --host 127.0.0.1 --port {port}", "/text", {"multipart": "/image"}
RAY = "{python} ray_server.py", "/text", {"raw": "/image"}

OURS = Server(
    "ours",
    "ours",
    "nothing is set; the deadline, where there is one, in a header",
    "{ours} -m app serve --host 127.0.0.1 --port {port}",
    "/v1/models/{model}/predict",
    {"raw": "/v1/models/{model}/predict", "multipart": "/v1/models/{model}/predict"},
    dialect="ours",
)
SERVERS = (
    _peer(
        "fastapi",
        "uvicorn, a thread of the pool for each request, no batching",
        "{bin}/uvicorn fastapi_server:app --host 127.0.0.1 --port {port} --workers {workers} --log-level warning",
        "/text",
        {"raw": "/image", "multipart": "/upload"},
    ),
    _peer("litserve", "max_batch_size=16, batch_timeout=2 ms", *LITSERVE, batch_size=16),
    _peer("litserve", "no batching (its default)", *LITSERVE),
    _peer("mosec", "max_batch_size=16, max_wait_time=2 ms", MOSEC, *MOSEC_PATHS, batch_size=16),
    _peer("mosec", "max_batch_size=1", MOSEC, *MOSEC_PATHS),
    _peer("bentoml", "adaptive batching, max_batch_size=16", *BENTOML, batch_size=16, dialect="listed"),
    _peer("bentoml", "batchable=False (its default)", *BENTOML),
    _peer("ray", "serve.batch, max_batch_size=16, batch_wait_timeout_s=0.002", *RAY, batch_size=16),
    _peer("ray", "no serve.batch, inference in the thread pool", *RAY),
    OURS,
)
BY_NAME = {server.name: server for server in SERVERS}
FAMILIES = tuple(dict.fromkeys(server.family for server in SERVERS))
