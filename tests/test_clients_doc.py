"""What docs/clients.md shows of the Open Inference Protocol, run as it stands against the default models."""

import re
from pathlib import Path

import httpx
import pytest
from test_default_models import service
from test_server import Service

__all__ = ["service"]

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "clients.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


def test_every_python_snippet_has_an_output():
    assert len(SNIPPETS) == PAGE.count("```python") > 0


@pytest.mark.parametrize(("code", "output"), SNIPPETS)
def test_every_snippet_prints_what_is_shown(service: Service, capsys, monkeypatch, code: str, output: str):
    monkeypatch.chdir(ROOT)
    exec(code.replace("127.0.0.1:8000", service.url.removeprefix("http://")), {})
    assert capsys.readouterr().out == output


def test_every_route_of_the_protocol_is_in_the_table(service: Service):
    documented = httpx.get(f"{service.url}/openapi.json").json()["paths"]
    for path in documented:
        if path.startswith("/v2"):
            assert re.sub(r"/v2/models/[a-z-]+/infer", "/v2/models/{model}/infer", path) in PAGE
