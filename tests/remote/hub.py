"""A local server that speaks the few routes of the Hugging Face hub that are asked here. Each commit is kept."""

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

REPOSITORY = "owner/models"


class Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.commits: list[dict[str, bytes]] = [{}]
        self.before_commit: list[dict[str, bytes]] = []  # what others commit just before
        self.is_closed = False
        self.tokens: set[str | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def at(self, revision: str) -> tuple[str, dict[str, bytes]]:
        number = len(self.commits) - 1 if revision == "main" else int(revision, 16)
        return f"{number:040x}", self.commits[number]


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.tokens.add(self.headers.get("Authorization"))
        if self.server.is_closed:
            self.answer(b"{}", 403)
        elif found := re.fullmatch(rf"/api/models/{REPOSITORY}(?:/revision/(\w+))?", path):
            commit, _ = self.server.at(found[1] or "main")
            self.answer(json.dumps({"id": REPOSITORY, "sha": commit, "siblings": []}).encode())
        elif found := re.fullmatch(rf"/api/models/{REPOSITORY}/tree/(\w+)(?:/(.*))?", path):
            _, files = self.server.at(found[1])
            folder = f"{found[2]}/" if found[2] else ""
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": f"{hash(content):x}"}
                for name, content in files.items()
                if name.startswith(folder)
            ]
            if folder and not tree:
                self.answer(b"{}", 404, {"X-Error-Code": "EntryNotFound"})
            else:
                self.answer(json.dumps(tree).encode())
        elif found := re.fullmatch(rf"/{REPOSITORY}/resolve/(\w+)/(.+)", path):
            commit, files = self.server.at(found[1])
            if found[2] in files:
                self.answer(files[found[2]], 200, {"ETag": '"x"', "X-Repo-Commit": commit})
            else:
                self.answer(b"", 404, {"X-Error-Code": "EntryNotFound"})
        else:
            self.answer(b"{}", 404, {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "/preupload/" in self.path:
            files = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
                for one in json.loads(body)["files"]
            ]
            self.answer(json.dumps({"files": files}).encode())
            return
        if self.server.before_commit:
            self.server.commits.append({**self.server.commits[-1], **self.server.before_commit.pop()})
        header, *operations = [json.loads(line) for line in body.splitlines()]
        commit, files = self.server.at("main")
        if header["value"].get("parentCommit") not in (None, commit):
            self.answer(b'{"error": "a commit has happened since"}', 412)
            return
        added = {one["value"]["path"]: base64.b64decode(one["value"]["content"]) for one in operations}
        self.server.commits.append({**files, **added})
        commit, _ = self.server.at("main")
        self.answer(
            json.dumps({"commitUrl": f"{self.server.url}/{REPOSITORY}/commit/{commit}", "commitOid": commit}).encode()
        )

    def answer(self, content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *words: Any) -> None:
        pass


@contextmanager
def hub() -> Iterator[Hub]:
    server = Hub()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
