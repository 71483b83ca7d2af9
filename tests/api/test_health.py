"""Readiness over HTTP: what was ready before can still predict, and what cannot is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import publish_sentiment, ready
from starlette.testclient import TestClient
from starlette.types import ASGIApp


def test_a_version_that_fails_is_told_and_does_not_make_the_service_unready(
    client: TestClient, models_dir: Path, tmp_path: Path
) -> None:
    assert client.get("/health/ready").json() == {"ready": True, "reason": "", "failed": []}
    publish_sentiment(models_dir, tmp_path / "new", name="newcomer")
    (models_dir / "newcomer" / "1" / "model.onnx").write_bytes(b"\0")
    assert client.post("/v1/models/newcomer/load").status_code == 409
    ready = client.get("/health/ready")
    assert client.get("/health").json() == ready.json()
    assert (ready.status_code, ready.json()["failed"]) == (200, ["newcomer version 1"])
    assert client.get("/v2/health/ready").status_code == 200
    assert client.get("/v2/models/newcomer/ready").status_code == 400
    assert "has 1 bytes" in client.get("/v1/models/newcomer").json()["versions"][0]["reason"]


def test_a_newer_version_that_fails_beside_a_good_one_is_told(
    client: TestClient, models_dir: Path, tmp_path: Path
) -> None:
    publish_sentiment(models_dir, tmp_path / "2")
    (models_dir / "tiny-sentiment" / "2" / "model.onnx").unlink()
    assert client.post("/v1/models/tiny-sentiment/load").status_code == 409
    assert client.get("/health/ready").json() == {"ready": True, "reason": "", "failed": ["tiny-sentiment version 2"]}
    assert client.get("/v2/models/tiny-sentiment/ready").status_code == 200


def test_a_repository_that_cannot_be_read_at_the_start_is_tried_again(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OSError(24, "Too many open files")]
    listed = Path.iterdir

    def iterdir(self: Path) -> Iterator[Path]:
        if failures:
            raise failures.pop()
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    monkeypatch.setattr("app.api.app.LOAD_AGAIN_S", 0.2)
    with ready(app):
        assert not failures
