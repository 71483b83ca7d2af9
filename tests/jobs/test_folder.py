import time
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event

import pytest

from app.errors import InvalidInput, JobNotFound, JobsUnavailable, PayloadTooLarge
from app.jobs.folder import JobsFolder, new_id
from app.jobs.records import Job, JobState

DAY_S = 86_400


@pytest.fixture
def folder(tmp_path):
    folder = JobsFolder(tmp_path / "jobs", 1_000_000, has_owners=True)
    folder.make()
    return folder


def stored(folder, owner="ann", content=b"x"):
    uploaded = folder.upload(owner, "in.jsonl", "batch")
    try:
        uploaded.write(content)
        return uploaded.keep()
    finally:
        uploaded.close()


def made_up(file, age_s=0, **more):
    return Job(
        **{
            "id": new_id("batch"), "owner": "ann", "form": "items", "format": "jsonl", "file_id": file.id, "model": "m",
            "completion_window": "24h", "created_at": int(time.time()) - age_s, "expires_at": 2**40,
            "output_file_id": new_id("file"), "error_file_id": new_id("file"), **more,
        }
    )  # fmt: skip


def made(folder, file, age_s=0, **more):
    job = made_up(file, age_s, **more)
    folder.add(job)
    return job


def test_only_the_first_who_asks_holds_a_job(folder, tmp_path):
    job = made(folder, stored(folder))
    held = folder.lock(job)
    assert held is not None
    assert JobsFolder(tmp_path / "jobs", 1, has_owners=False).lock(job) is None


def test_what_is_old_and_has_ended_is_deleted(folder):
    file, other = stored(folder), stored(folder)
    old, running, new = made(folder, file, 3 * DAY_S), made(folder, other, 3 * DAY_S), made(folder, other)
    folder.put_state(old, JobState(status="completed"))
    folder.put_state(new, JobState(status="completed"))
    folder.forget_old(days=2)
    assert {job.id for job in folder.jobs("ann")} == {running.id, new.id}
    assert len(folder.files("ann")) == 2  # they are not old
    with pytest.raises(JobNotFound):
        folder.job("ann", old.id)


def test_a_file_that_a_job_reads_stays(folder):
    file = stored(folder)
    job = made(folder, file)
    with pytest.raises(InvalidInput, match=f"{job.id} still reads"):
        folder.delete_file("ann", file.id)
    folder.put_state(job, JobState(status="cancelled"))
    folder.delete_file("ann", file.id)
    with pytest.raises(JobNotFound):
        folder.file("ann", file.id)


def test_what_arrives_counts_before_it_is_there(folder):
    first, second = folder.upload("ann", "a", "batch"), folder.upload("ann", "b", "batch")
    first.write(b"x" * 400_000)
    with pytest.raises(PayloadTooLarge, match="there is no room for 200000 bytes more: 100000 are left"):
        second.write(b"x" * 200_000)
    first.close()
    second.close()
    assert folder.room("ann") == 500_000
    assert folder.room("bob") == 500_000


def test_who_writes_late_writes_into_no_file_of_another(folder):
    late = folder.upload("ann", "a", "batch")
    late.close()
    other = folder.upload("bob", "b", "batch")  # has the descriptor now
    for use in (lambda: late.write(b"x"), lambda: late.first_bytes(1), late.keep):
        with pytest.raises(ValueError, match="closed"):
            use()
    late.close()
    other.write(b"y")
    assert other.first_bytes(2) == b"y"
    other.close()


def test_a_file_is_closed_only_when_what_writes_to_it_is_done(folder, monkeypatch):
    asked, goes_on = Event(), Event()
    monkeypatch.setattr(folder, "require_room", lambda owner, size: asked.set() or goes_on.wait(5))
    uploaded = folder.upload("ann", "a", "batch")
    with ThreadPoolExecutor(2) as threads:
        writing = threads.submit(uploaded.write, b"x")
        asked.wait(5)
        closing = threads.submit(uploaded.close)
        assert wait([closing], timeout=0.05).not_done
        goes_on.set()
        writing.result()


def test_a_job_that_finds_no_room_leaves_nothing(folder, monkeypatch):
    file = stored(folder)
    with pytest.raises(PayloadTooLarge, match="a batch may have 100000 bytes beside its file, and this has "):
        made(folder, file, parameters={"labels": ["x" * 100_000]})
    filling = folder.upload("ann", "a", "batch")
    filling.write(b"x" * (folder.room("ann") - 5000))
    with pytest.raises(PayloadTooLarge, match="there is no room"):
        made(folder, file)
    filling.close()
    monkeypatch.setattr("app.jobs.folder.write_whole", lambda *of, **more: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        made(folder, file)
    assert list((folder.place(made_up(file))).parent.iterdir()) == []


def test_a_state_that_is_final_is_read_once(folder):
    job = made(folder, stored(folder))
    assert [one.id for one in folder.unfinished()] == [job.id]
    folder.put_state(job, JobState(status="completed"))
    assert folder.unfinished() == []
    (folder.place(job) / "state.json").write_text("not looked at")
    assert folder.unfinished() == []


def test_nobody_else_finds_a_file_or_a_job(folder):
    file = stored(folder)
    job = made(folder, file)
    for find in (lambda: folder.file("bob", file.id), lambda: folder.job("bob", job.id)):
        with pytest.raises(JobNotFound):
            find()


def test_a_place_that_is_no_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    folder = JobsFolder(tmp_path / "file" / "jobs", 1, has_owners=False)
    with pytest.raises(JobsUnavailable, match=r"TESSERA_JOBS_DIR=.*/file/jobs cannot be used: Not a directory"):
        folder.upload("", "a", "batch")
    assert folder.jobs("") == []
