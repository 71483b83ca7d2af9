"""The page on tables: what it shows is what is answered."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from table_models import served_tables

PAGE = (Path(__file__).parents[1] / "docs" / "tables.md").read_text(encoding="utf-8")
ASKED = re.findall(r"^\$ curl (.+)\n(.+)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with served_tables(tmp_path_factory.mktemp("tables")) as client:
        yield client


@pytest.mark.parametrize(("command", "shown"), ASKED)
def test_every_command_gets_the_answer_that_is_shown(client: TestClient, command: str, shown: str) -> None:
    address, _, body = shlex.split(command)
    reply = client.post(address.removeprefix("127.0.0.1:8000"), content=body)
    assert reply.status_code == 200, reply.text
    assert numbers_of(reply.json()) == pytest.approx(numbers_of(json.loads(shown)), abs=1e-6)
    assert re.sub(r"[\d.-]+", "", reply.text) == re.sub(r"[\d.-]+", "", shown)


def numbers_of(answer: object) -> list[float]:
    return [float(each) for each in re.findall(r"-?\d+\.\d+", json.dumps(answer))]


def test_the_page_shows_some() -> None:
    assert len(ASKED) == 3
