"""A job from its file to its end, where the end is not that all lines are done."""

import asyncio
import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from test_folder import made, stored
from test_runner import Upper

from app.errors import ModelNotReady
from app.jobs.folder import JobsFolder
from app.jobs.jobs import NoRequests, state_told
from app.jobs.journal import Journal
from app.jobs.records import JobState
from app.jobs.work import Work, Workshop
from app.telemetry import Telemetry


class Checked(Upper):
    def __init__(self, is_ready=True, **more):
        super().__init__(**more)
        self._is_ready = is_ready

    def check(self):
        if not self._is_ready:
            raise ModelNotReady("models are being loaded")


@pytest.fixture
def folder(tmp_path):
    folder = JobsFolder(tmp_path / "jobs", 1_000_000, has_owners=False)
    folder.make()
    return folder


def worked(folder, job, answerer, is_stopping=lambda: False):
    with ThreadPoolExecutor(2) as threads:
        shop = Workshop(folder, lambda job: answerer, NoRequests(), threads, Telemetry(), is_stopping, 1000)
        asyncio.run(asyncio.wait_for(Work(job, shop, patience_s=0.1).run(), 30))
    return state_told(folder, job)


def results(folder, job):
    return folder.content_of(folder.file(job.owner, job.output_file_id)).read_text().split()


def test_a_job_whose_time_is_over_keeps_what_is_done(folder):
    job = made(folder, stored(folder, "", b"a\n" * 5000), owner="", expires_at=int(time.time()))
    state = worked(folder, job, Checked())
    assert state.status == "expired"
    assert len(results(folder, job)) == state.completed < 5000


def test_a_job_of_a_model_that_does_not_become_ready_fails_with_the_reason(folder):
    state = worked(folder, made(folder, stored(folder, "", b"a\n"), owner=""), Checked(is_ready=False))
    assert state.status == "failed"
    assert state.faults[0].message == "waited 0 s for the model: models are being loaded"
    assert not state.has_output


def test_a_fault_of_our_own_ends_the_job_and_is_not_told(folder):
    def wish(line):
        if line == "c":
            raise ZeroDivisionError("a secret")

    job = made(folder, stored(folder, "", b"a\nb\nc\n"), owner="")
    state = worked(folder, job, Checked(wish=wish))
    assert (state.status, state.faults[0].message) == ("failed", "internal error; the log has the reason")
    assert results(folder, job) == ["A", "B"]


def test_a_job_of_a_service_that_stops_is_finished_by_the_next_one(folder):
    job = made(folder, stored(folder, "", b"a\n" * 5000), owner="")
    state = worked(folder, job, Checked(), is_stopping=lambda: True)
    assert state.status == "in_progress"
    assert 0 < state.completed < 5000
    state = worked(folder, job, Checked())
    assert (state.status, state.completed, results(folder, job)) == ("completed", 5000, ["A"] * 5000)


def test_results_that_a_process_put_there_just_before_it_died_stay(folder):
    job = made(folder, stored(folder, "", b"a\nb\n"), owner="")
    place = folder.place(job)
    with closing(Journal(place / "output", None, place / "journal")) as journal:
        journal.open()
        journal.commit(b"A\nB\n", b"", 2, 2, 0)
    folder.put_state(job, JobState(status="finalizing", total=2))
    folder.keep(place / "output", "", "out.jsonl", "batch_output", job.output_file_id)
    answerer = Checked()
    state = worked(folder, job, answerer)
    assert (state.status, state.completed, results(folder, job)) == ("completed", 2, ["A", "B"])
    assert answerer.asked == 0


def test_a_job_that_finds_no_room_for_its_first_results_waits_for_it(folder, monkeypatch):
    refusals, opened = iter([OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))]), os.open

    def full_at_first(path, *how):
        if str(path).endswith("/output") and (error := next(refusals, None)):
            raise error
        return opened(path, *how)

    monkeypatch.setattr(os, "open", full_at_first)
    monkeypatch.setattr("app.jobs.work.REST_S", 0.01)
    job = made(folder, stored(folder, "", b"a\n"), owner="")
    assert worked(folder, job, Checked()).status == "completed"
    assert results(folder, job) == ["A"]
