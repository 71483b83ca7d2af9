"""The examples of docs/architecture.md, asked of the models that it names, its pipeline among them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
from services import MODELS, Service, running
from test_default_models import differences
from test_readme import send

from app.adding.pipeline import add_pipeline

PAGE = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text()
(STEPS,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
WRITER = MODELS / "smollm2-instruct"  # `make serve` makes it, and `make test` does not
LEFT_OUT = ("id", "created", "system_fingerprint")
EXCHANGES = re.findall(r"```console\n\$ (.*?)\nHTTP/1.1 200 OK\n(.*?)\n\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("architecture")
    for name in ("reviews-sentiment", "imagenet-efficientnet", "article-summarizer"):
        copytree(MODELS / name, root / "models" / name)
    if WRITER.exists():
        (root / "models" / WRITER.name).symlink_to(WRITER)
    steps = root / "story-mood.json"
    steps.write_text(STEPS)
    add_pipeline(steps, "story-mood", root / "models")
    needed = [WRITER.name] if WRITER.exists() else []  # on a busy machine the service is ready before it
    with running(root / "models", TESSERA_REQUIRED_MODELS=",".join(needed)) as service:
        yield service


def stages(server_timing: str) -> list[str]:
    return [one.partition(";")[0] for one in server_timing.split(", ")]


@pytest.mark.parametrize(
    ("command", "headers", "answer"), EXCHANGES, ids=re.findall(r":8000/(\S+)", "".join(map(str, EXCHANGES)))
)
def test_every_request_gets_the_answer_that_is_shown(service: Service, command: str, headers: str, answer: str):
    if WRITER.name in command and not WRITER.exists():
        pytest.skip(f"{WRITER.name} is not there")
    reply = send(command, service.url)
    assert reply.status_code == 200, reply.text
    shown = dict(line.split(": ", 1) for line in headers.splitlines())
    assert shown.keys() <= reply.headers.keys()
    assert shown["x-model-version"] == reply.headers["x-model-version"]
    if "server-timing" in shown:
        assert stages(shown["server-timing"]) == stages(reply.headers["server-timing"])
    # Scores are shown with four decimals, and int8 kernels differ between processors.
    told = reply.json()
    if isinstance(told, dict):
        told = {name: value for name, value in told.items() if name not in LEFT_OUT}
    assert differences(json.loads(answer.replace("\n", "")), told) < 0.05
