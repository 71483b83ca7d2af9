"""Each path is written once: whatever else must know of a route asks the route."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
from every_route import every_route
from waiting import eventually

import app.api
from app.api.http.routes import DirectRoute

FOLDER = Path(app.api.__file__).parent


@pytest.fixture
def routes():
    return every_route()


def texts_of(source: str) -> list[str]:
    """Every text in a program but its docstrings, with {} for what is put into it."""
    tree = ast.parse(source)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (parts | docs):
            found.append(node.value)
    return found


def test_the_beginning_of_a_path_is_written_in_one_place(routes):
    begins = {route.path.split("/")[1] for route in routes} - {""}
    place = re.compile(rf"(?<![\w}}./])/({'|'.join(sorted(begins))})(?![\w-])[^ `;,]*")
    written = Counter(
        match[0]
        for file in FOLDER.rglob("*.py")
        for text in texts_of(file.read_text())
        for match in place.finditer(text)
    )
    assert written.keys() >= {"/v1/models", "/v2", "/hf/models/{model}", "/health", "/metrics"}
    assert not [path for path, count in written.items() if count > 1]
    assert not [(one, longer) for one in written for longer in written if longer.startswith(f"{one}/")]


def test_no_method_of_a_path_has_two_routes(routes):
    places = Counter((route.method, route.path) for route in routes)
    assert not [place for place, count in places.items() if count > 1]
    direct = {route.path for route in routes if isinstance(route, DirectRoute)}
    assert not direct & {route.path for route in routes if not isinstance(route, DirectRoute)}


def test_every_route_answers_and_what_is_documented_is_a_route(routes, client):
    known = {(route.method, route.path) for route in routes}
    names = {"model": "tiny-sentiment", "version": "1", "task": "text-classification", "picture": "x", "path:path": "x"}
    names |= {"file": "file-x", "batch": "batch_x", "user:path": "u"}
    for method, path in known:
        reply = client.request(method, re.sub(r"{([^}]+)}", lambda match: names[match[1]], path))
        assert reply.status_code != 405, path
        assert "there is nothing at" not in reply.text or "pages" in path
    eventually(lambda: client.get("/health/ready").status_code == 200)
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        for method in operations:
            assert any(method.upper() == one and fits(pattern, path) for one, pattern in known), path


def fits(pattern: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"{[^}]+}", "[^/]+", pattern), path) is not None
