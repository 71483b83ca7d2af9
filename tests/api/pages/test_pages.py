import re

import pytest

from app.api.pages.routes import FILES, PAGES, POLICY


@pytest.fixture(scope="module")
def client(kept_client):
    return kept_client


def test_the_root_is_the_playground_under_a_policy_that_lets_nothing_inline_run(client):
    reply = client.get("/")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert "'none'" in POLICY.split(";")[0]
    assert not re.search(r"<script(?! type=\"module\" src=)|<style| style=| on\w+=", reply.text)


def test_every_file_is_sent_whole_with_its_type(client):
    for path, page in PAGES.items():
        reply = client.get(f"/pages/{path}")
        assert reply.content == (FILES / path).read_bytes()
        assert reply.headers["content-type"] == page.headers["Content-Type"]
        assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", [path for path in PAGES if path.endswith((".html", ".js", ".css"))])
def test_whatever_a_file_names_is_there_and_ours(path):
    text = PAGES[path].content.decode()
    here = FILES / path
    for name in re.findall(r'from "(\.[^"]+)"', text):
        assert (here.parent / name).is_file()
    for name in re.findall(r'"(pages/[^"]+)"', text):
        assert (FILES.parent / name).is_file()
    outside = set(re.findall(r"https?://[^\"'\s]+", text)) - {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert outside == set()
    assert "innerHTML" not in text


def test_a_known_file_is_not_sent_again(client):
    etag = client.get("/pages/page.css").headers["etag"]
    assert client.get("/pages/page.css").headers["cache-control"] == "no-cache"
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        reply = client.get("/pages/page.css", headers={"If-None-Match": known})
        assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", etag)
    assert client.get("/pages/page.css", headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_has_the_headers_and_no_body(client):
    reply = client.head("/")
    assert (reply.status_code, reply.content) == (200, b"")
    assert int(reply.headers["content-length"]) == len(PAGES["index.html"].content)


@pytest.mark.parametrize(
    "path", ["none.js", "routes.py", "../app.py", "%2e%2e/app.py", "samples", "samples/README", ""]
)
def test_nothing_else_is_sent(client, path):
    reply = client.get(f"/pages/{path}")
    assert reply.status_code == 404
    assert reply.json()["error_type"] == "NotFound"


def test_pages_are_no_part_of_the_documented_api(client):
    documented = client.get("/openapi.json").json()["paths"]
    assert not {"/", "/pages/{path}", "/redoc"} & documented.keys()


def test_redoc_may_fetch_from_nobody_else(client):
    reply = client.get("/redoc")
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    for name in re.findall(r'(?:src|spec-url|href)="([^"]+)"', reply.text):
        assert client.get(f"/{name}").status_code == 200
