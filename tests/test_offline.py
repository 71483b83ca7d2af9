"""`python -m app batch` as somebody calls it."""

import csv
import json
import os
import signal
import subprocess
import sys

import pyarrow
import pytest
from conftest import publish_sentiment
from pyarrow import parquet
from waiting import eventually

from app.__main__ import main

NUM_LINES = 20_000


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("offline")
    (root / "models").mkdir()
    publish_sentiment(root / "models", root / "scratch")
    return root / "models"


@pytest.fixture
def call(models, monkeypatch, capfd):
    """Return the status and what was said."""
    monkeypatch.setenv("TESSERA_MODELS_DIR", str(models))
    monkeypatch.setenv("TESSERA_DEVICE", "cpu")

    def call(*arguments: str) -> tuple[int, str]:
        return main(["batch", *arguments]), capfd.readouterr().err

    return call


def started(models, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "TESSERA_MODELS_DIR": str(models), "TESSERA_DEVICE": "cpu"}
    command = [sys.executable, "-m", "app", "batch", *arguments]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def test_errors_are_told_by_the_status_and_stand_among_the_results(call, tmp_path):
    (tmp_path / "in.csv").write_text("text\ngood\nbad,bad\n")
    target = tmp_path / "out.csv"
    status, said = call(str(tmp_path / "in.csv"), str(target), "--model", "tiny-sentiment")
    assert (status, said) == (3, f"1 lines are in {target}, and 1 errors\n")
    first, second = csv.DictReader(target.read_text().splitlines())
    assert (first["row"], json.loads(first["output"])[0]["label"], first["error"]) == ("1", "positive", "")
    assert second["error"] == "line 3 of the file has 2 fields, and the first line 1 names"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_parquet_is_read_and_written(call, tmp_path):
    parquet.write_table(pyarrow.table({"text": ["good", "bad"]}), tmp_path / "in.parquet")
    target = tmp_path / "out.parquet"
    asked = ("--model", "tiny-sentiment", "--parameters", '{"top_k": 1}')
    assert call(str(tmp_path / "in.parquet"), str(target), *asked)[0] == 0
    rows = parquet.read_table(target).to_pylist()
    assert [json.loads(row["output"])[0]["label"] for row in rows] == ["positive", "negative"]


def test_requests_are_answered_without_a_server(call, tmp_path):
    url = "/v1/models/tiny-sentiment/predict"
    lines = [{"custom_id": str(i), "method": "POST", "url": url, "body": {"inputs": ["good"] * i}} for i in range(3)]
    (tmp_path / "in.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert call(str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"))[0] == 3
    told = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(one["custom_id"], one["response"]["status_code"]) for one in told] == [("0", 422), ("1", 200), ("2", 200)]


def test_what_cannot_be_begun_is_said(call, tmp_path):
    source, target = str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")
    assert call(source, target)[1].startswith("error: [Errno 2] No such file or directory")
    (tmp_path / "in.jsonl").write_text("nonsense\n")
    status, said = call(source, target)
    assert (status, said) == (1, "error: line 1: is not valid JSON: expected ident at line 1 column 2\n")
    assert "no model 'none'" in call(source, target, "--model", "none")[1]
    assert "must end in one of" in call(source, "out.xls", "--model", "tiny-sentiment")[1]
    assert "parameters.k: " in call(source, target, "--model", "tiny-sentiment", "--parameters", '{"k": 1}')[1]
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_run_that_was_stopped_is_gone_on_with_and_only_if_that_is_said(call, models, tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(f'"good {i}"\n' for i in range(NUM_LINES)))
    asked = (str(source), str(target), "--model", "tiny-sentiment")
    process = started(models, *asked)
    journal = tmp_path / ".out.jsonl.batch" / "journal"
    eventually(lambda: journal.exists() and journal.stat().st_size > 0, 60)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1] == "stopped; --resume goes on from here\n"
    assert process.returncode == 130
    assert not target.exists()
    assert "an earlier run was stopped: go on with --resume, or delete" in call(*asked)[1]
    other = call(*asked, "--resume", "--parameters", '{"top_k": 1}')
    assert "is of another file, model or parameters" in other[1]
    assert call(*asked, "--resume") == (0, f"{NUM_LINES} lines are in {target}, and 0 errors\n")
    numbers = [json.loads(line)["line"] for line in target.read_text().splitlines()]
    assert numbers == list(range(1, NUM_LINES + 1))
