"""The README shows what the service does."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import httpx
import pytest
from services import Service
from test_default_models import differences

from app.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
(CONSOLE,) = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
EXCHANGES = [exchange.split("\n{", 1) for exchange in CONSOLE.split("$ ")[1:]]


def send(command: str, url: str) -> httpx.Response:
    """Return the request that curl would send for the few options that our documents use."""
    words = iter(shlex.split(command.replace("\\\n", ""))[1:])
    address, headers, body = "", {}, b""
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "--data-binary":
            body = (ROOT / next(words).removeprefix("@")).read_bytes()
        elif word == "-d":
            body = next(words).encode()
        elif word == "-X":
            assert next(words) == "POST"
        elif word == "-i":  # shows headers, too
            continue
        else:
            address = word
    return httpx.post(address.replace("127.0.0.1:8000", url), content=body, headers=headers, timeout=30)


@pytest.mark.parametrize(("command", "answer"), EXCHANGES, ids=re.findall(r"models/([\w-]+)/predict", CONSOLE))
def test_every_command_gets_the_answer_that_is_shown(default_service: Service, command: str, answer: str):
    reply = send(command, default_service.url)
    assert reply.status_code == 200, reply.text
    shown: dict[str, Any] = json.loads("{" + answer.replace("\n", ""))
    if "movielens" in command:  # trained on this machine, so not to the last film the same
        assert shown["outputs"][0][0].keys() == reply.json()["outputs"][0][0].keys()
    else:  # scores are shown with four decimals, and int8 kernels differ between processors
        assert differences(shown["outputs"], reply.json()["outputs"]) < 0.05


def test_every_setting_is_named():
    assert {f"TESSERA_{name.upper()}" for name in Settings.model_fields} <= set(re.findall(r"TESSERA_\w+", README))


def test_every_route_is_in_the_table(default_service: Service):
    documented = httpx.get(f"{default_service.url}/openapi.json").json()["paths"]
    for path in (path for path in documented if not path.startswith("/v2")):  # those are in docs/clients.md
        generic = re.sub(r"/v1/models/[\w-]+/(predict|explain)", r"/v1/models/{model}/\1", path)
        generic = re.sub(r"/hf/models/[\w-]+(/pipeline/[\w-]+)?$", r"/hf/models/{model}", generic)
        generic = re.sub(r"/hf/models/[\w-]+/", "/hf/models/{model}/", generic)
        assert generic.removeprefix("/health") in README, path


def test_every_file_that_is_linked_exists():
    for target in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (ROOT / target).exists(), target
