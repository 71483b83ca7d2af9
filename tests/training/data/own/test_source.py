import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pytest

from training.data.own.source import LOCAL, SourceFolder, given
from training.errors import TrainingError


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """The hub's cache, with one dataset in it, and no hub."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    repository = cache / "datasets--shop--reviews"
    snapshot = repository / "snapshots" / ("c" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "reviews.csv").write_text("text,label\nfine,positive\n")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("c" * 40)
    return snapshot


def test_a_folder_is_taken_as_it_is(tmp_path):
    assert given(str(tmp_path), "dataset", ["*.csv"]) == SourceFolder(tmp_path, tmp_path.name, LOCAL)


def test_a_secret_in_a_source_is_not_said_again(capsys):
    with pytest.raises(TrainingError, match="neither a folder nor the id") as raised:
        given("https://anna:hf_abcdefghijk@huggingface.co/datasets/shop/reviews?token=hf_xyz", "dataset", ["*.csv"])
    assert not [word for word in ("hf_a", "hf_x", "anna") if word in str(raised.value) + capsys.readouterr().err]


@pytest.mark.parametrize("source", ["shop/reviews", "shop/reviews@main", f"shop/reviews@{'c' * 40}"])
def test_a_dataset_of_the_hub_is_known_by_its_commit(source, hub):
    found = given(source, "dataset", ["*.csv"])
    assert (found.folder, found.name, found.version) == (hub, source, "c" * 40)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        pytest.param("shop/other", "the hub cannot be reached; is this machine offline", id="not in the cache"),
        pytest.param("a b", "neither a folder nor the id of a dataset on the hub", id="no id"),
        pytest.param("/nowhere/at/all", "neither a folder nor the id", id="a path that is not there"),
        pytest.param("pyproject.toml", "is a file; a folder is needed", id="a file"),
    ],
)
def test_what_is_nowhere_is_one_sentence(source, says, hub):
    with pytest.raises(TrainingError, match=says) as raised:
        given(source, "dataset", ["*.csv"])
    assert source in str(raised.value)
    assert "\n" not in str(raised.value)


HUB = {"reviews.csv": b"text,label\nfine,positive\n", "data/parts.csv": b"text,label\n", "README.md": b"# Reviews\n"}
COMMIT = "d" * 40


class Hub(BaseHTTPRequestHandler):
    """The answers of the hub's API for the files of one dataset, shop/reviews."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith("/api/datasets/shop/reviews/revision/"):
            self.answer(json.dumps({"id": "shop/reviews", "sha": COMMIT, "siblings": [{"rfilename": n} for n in HUB]}))
        elif path.startswith("/api/datasets/shop/reviews/tree/"):
            listed = [{"type": "file", "path": n, "size": len(c), "oid": "a" * 40} for n, c in HUB.items()]
            self.answer(json.dumps(listed))
        elif path.startswith(f"/datasets/shop/reviews/resolve/{COMMIT}/"):
            content = HUB[path.partition(f"{COMMIT}/")[2]].decode()
            self.answer(content, {"ETag": f'"{"a" * 40}"', "X-Repo-Commit": COMMIT})
        else:
            self.answer("", {"X-Error-Code": "RepoNotFound"}, 404)

    do_HEAD = do_GET

    def answer(self, content: str, headers: Mapping[str, str] = MappingProxyType({}), status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(content), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def ask(tmp_path) -> Iterator[Callable[[str], str]]:
    """Return what is found or said of a source at the hub above; in a process of its own, which reads where the
    hub is as it starts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        **os.environ,
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HUB_CACHE": str(tmp_path / "cache"),
        "HF_HUB_OFFLINE": "0",
    }
    code = (
        "import sys; from training.errors import TrainingError; from training.data.own.source import given\n"
        "try:\n    found = given(sys.argv[1], 'dataset', ['*.csv'])\n"
        "    print(found.version, *sorted(path.name for path in found.folder.rglob('*')))\n"
        "except TrainingError as error:\n    print(error)"
    )

    def run(source: str) -> str:
        command = [sys.executable, "-c", code, source]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout

    yield run
    server.shutdown()
    server.server_close()


def test_of_a_dataset_on_the_hub_only_the_files_are_fetched_that_are_asked_for(ask):
    assert ask("shop/reviews").split() == [COMMIT, "data", "parts.csv", "reviews.csv"]


def test_a_dataset_that_the_hub_does_not_have_is_one_sentence(ask):
    said = "--source shop/none: there is no such folder, and the hub has no such dataset that may be read"
    assert ask("shop/none").strip() == said


def test_a_hub_that_does_not_answer_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(TrainingError, match="the hub cannot be reached"):
        given("shop/reviews", "model", ["*.safetensors"])


def test_a_source_is_vouched_for_by_the_content_of_its_files(tmp_path):
    (tmp_path / "a.csv").write_text("one")
    (tmp_path / "b.csv").write_text("two")
    source = SourceFolder(tmp_path, "mine").source(tmp_path.glob("*.csv"), "training")
    assert source.sha256 == hashlib.sha256(b"onetwo").hexdigest()
    assert (source.name, source.version, source.used_for) == ("mine", "local", "training")
