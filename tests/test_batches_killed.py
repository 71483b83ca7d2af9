"""Real services that share a folder of jobs: one is killed, one is stopped, and the next goes on with what they did."""

import json
import os
import signal

import httpx
import pytest
from conftest import publish_sentiment
from services import Service, running
from waiting import eventually

NUM_LINES = 20_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("killed")
    (root / "models").mkdir()
    publish_sentiment(root / "models", root / "scratch")
    return root


def sharing(folder, **more):
    return running(folder / "models", TESSERA_JOBS_DIR=str(folder / "jobs"), TESSERA_LOG_REQUESTS="0", **more)


def batch_of(service: Service, made):
    return httpx.get(f"{service.url}/v1/batches/{made['id']}").json()


def test_after_a_kill_and_a_stop_no_line_is_lost_and_none_is_there_twice(folder):
    content = "".join(f"{json.dumps({'text': f'film {i}'})}\n" for i in range(NUM_LINES))
    with sharing(folder) as first, sharing(folder) as second:
        form = {"files": {"file": ("in.jsonl", content)}, "data": {"model": "tiny-sentiment"}}
        made = httpx.post(f"{first.url}/v1/batches", **form, timeout=30).json()
        eventually(lambda: batch_of(second, made)["request_counts"]["completed"] > 100, 60)
        (killed,) = [one for one in (first, second) if one.metric("tessera_batches_running") == 1]
        os.kill(killed.process.pid, signal.SIGKILL)
        heir = second if killed is first else first
        before = batch_of(heir, made)["request_counts"]["completed"]
        eventually(lambda: batch_of(heir, made)["request_counts"]["completed"] > before, 60)
        heir.terminate()
        assert heir.ended() == 0
    with sharing(folder) as last:
        assert before < batch_of(last, made)["request_counts"]["completed"] < NUM_LINES
        eventually(lambda: batch_of(last, made)["status"] == "completed", 120)
        batch = batch_of(last, made)
        assert batch["request_counts"] == {"total": NUM_LINES, "completed": NUM_LINES, "failed": 0}
        told = httpx.get(f"{last.url}/v1/files/{batch['output_file_id']}/content").text.splitlines()
        assert [json.loads(line)["line"] for line in told] == list(range(1, NUM_LINES + 1))
