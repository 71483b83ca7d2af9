"""python -m app keys, in a process of its own as people run it, and by its parser where nothing else matters."""

import argparse
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from app.keys import EVERYTHING, add_key, read_keys
from app.keys.command import add_commands


@pytest.fixture
def run(tmp_path, capsys):
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    parser.set_defaults(keys_file=tmp_path / "keys.json")

    def run(*arguments: str) -> tuple[int, str, str]:
        chosen = parser.parse_args(["keys", *arguments])
        return chosen.run(chosen, None), *capsys.readouterr()

    return run


def test_what_a_key_may_do_is_said_when_it_is_made_and_in_the_list(run, tmp_path):
    status, secret, said = run(
        *("add", "ci", "--scopes", "read,admin", "--models", "a, b", "--expires", "2099-01-01"),
        *("--rate", "600/min", "--quota", "1h/day"),
    )
    assert status == 0
    assert (
        "It may: read, admin; models: a, b; 600/min requests; 1h/day of model time; expires on 2099-01-01 00:00 UTC."
        in said
    )
    _, listed, _ = run("list")
    columns = listed.strip().split("\t")
    assert columns[:2] == ["ci", f"{secret[:16]}…"]
    assert columns[3:] == [
        *("read, admin", "models: a, b", "600/min requests", "1h/day of model time"),
        "expires on 2099-01-01 00:00 UTC",
    ]
    assert run("add", "root", "--scopes", "all")[0] == 0
    assert read_keys(tmp_path / "keys.json")[1].scopes == EVERYTHING


def test_a_key_that_ends_soon_or_has_ended_stands_out(run, tmp_path):
    file = tmp_path / "keys.json"
    add_key(file, "soon", expires=datetime.now(UTC) + timedelta(days=3))
    add_key(file, "over")
    kept = json.loads(file.read_text())
    kept["keys"][1]["expires"] = "2026-01-01T00:00:00Z"
    file.write_text(json.dumps(kept))
    soon, over = run("list")[1].splitlines()
    assert "expires SOON on" in soon
    assert "EXPIRED on 2026-01-01 00:00 UTC" in over


def test_a_key_is_rotated_and_the_list_says_how_long_the_old_secret_holds(run):
    _, first, _ = run("add", "laptop")
    status, second, said = run("rotate", "laptop", "--overlap", "2h")
    assert (status, first != second) == (0, True)
    assert "The old secret holds for 2h more" in said
    assert re.search(rf"{first[:16]}… holds until [-\d]+ [:\d]+ UTC", run("list")[1])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("add", "x", "--rate", "5"), "error: rate: '5' is no rate of requests"),
        (("add", "x", "--expires", "2020-01-01"), "error: '2020-01-01' has passed already"),
        (("add", "x", "--scopes", "root"), "error: scopes.0: Input should be 'predict', 'read', "),
        (("add", "x", "--models", "A b"), "error: models.0: "),
        (("rotate", "x"), "error: there is no key 'x'; there are: none"),
        (("rotate", "x", "--overlap", "long"), "error: 'long' is no duration"),
        (("revoke", "x"), "error: there is no key 'x'; there are: none"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence_and_leaves_no_file(run, tmp_path, arguments, why):
    status, out, said = run(*arguments)
    assert (status, out) == (1, "")
    assert said.startswith(why)
    assert not (tmp_path / "keys.json").exists()


def test_each_change_is_audited_with_the_account_that_made_it(run, caplog):
    caplog.set_level("INFO", "app.audit")
    run("add", "laptop")
    run("rotate", "laptop")
    run("revoke", "laptop")
    told = [record.fields for record in caplog.records if record.name == "app.audit"]
    assert [one["action"] for one in told] == ["keys add", "keys rotate", "keys revoke"]
    assert {(one["key"], one["outcome"]) for one in told} == {("laptop", "done")}
    assert all(one["who"].endswith(" at the command line") for one in told)
