"""What docs/clients.md shows can be run as it stands."""

import re
from pathlib import Path

import httpx
import pytest
from test_default_models import service
from test_server import Service

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "clients.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

__all__ = ["service"]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_every_snippet_prints_what_its_comments_say(service: Service, snippet: str, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    exec(snippet.replace("127.0.0.1:8000", service.url.removeprefix("http://")), {})
    printed = capsys.readouterr().out
    for said in re.findall(r"print\(.*\)  # ([(\[].*)$", snippet, re.MULTILINE):
        assert said in printed


def test_every_route_of_the_protocol_is_in_the_table(service: Service):
    documented = httpx.get(f"{service.url}/openapi.json").json()["paths"]
    for path in documented:
        if path.startswith("/v2"):
            assert re.sub(r"/v2/models/[a-z-]+/infer", "/v2/models/{model}/infer", path) in PAGE
