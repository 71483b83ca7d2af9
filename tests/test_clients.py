"""The examples of docs/clients.md, run as they stand against the default models."""

import io
import json
import re
from contextlib import redirect_stdout
from pathlib import Path

import httpx
import pytest
from services import Service
from test_default_models import differences
from test_readme import ROOT, send

PAGE = (ROOT / "docs" / "clients.md").read_text()
(CONSOLE,) = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
EXCHANGES = [exchange.split("\n{", 1) for exchange in CONSOLE.split("$ ")[1:]]
SNIPPETS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


def test_every_python_snippet_has_an_output():
    assert len(SNIPPETS) == PAGE.count("```python") > 0


@pytest.mark.parametrize(("code", "output"), SNIPPETS)
def test_every_snippet_prints_what_is_shown(
    default_service: Service, monkeypatch: pytest.MonkeyPatch, code: str, output: str
):
    monkeypatch.chdir(ROOT)
    code = code.replace("127.0.0.1:8000", default_service.url.removeprefix("http://"))
    with redirect_stdout(io.StringIO()) as printed:
        exec(code.replace("127.0.0.1:8001", default_service.grpc_place), {})
    assert printed.getvalue() == output


@pytest.mark.parametrize(("command", "answer"), EXCHANGES)
def test_every_command_gets_the_answer_that_is_shown(default_service: Service, command: str, answer: str):
    reply = send(command, default_service.url)
    assert reply.status_code == 200, reply.text
    assert differences(json.loads("{" + answer)["outputs"], reply.json()["outputs"]) < 0.05


def test_every_route_of_the_open_inference_protocol_is_in_the_table(default_service: Service):
    documented = httpx.get(f"{default_service.url}/openapi.json").json()["paths"]
    for path in documented:
        if path.startswith("/v2"):
            assert re.sub(r"/v2/models/[a-z0-9-]+/(infer|generate)", r"/v2/models/{model}/\1", path) in PAGE


def test_every_file_that_is_linked_exists():
    for target in re.findall(r"\]\((?!http)([^)#]+)", PAGE):
        assert Path(ROOT / "docs" / target).exists(), target
