"""Files whose way to the disk ends before they are there."""

import asyncio
from threading import Event
from time import sleep
from types import SimpleNamespace

import pytest

from app.api.batches.uploads import Upload
from app.api.media.json_text import parse
from app.errors import JobsUnavailable
from app.jobs.folder import JobsFolder
from app.jobs.jobs import Jobs
from app.telemetry import Telemetry


def jobs_in(folder):
    engine = SimpleNamespace(is_stopping=True)
    return Jobs(engine, Telemetry(), folder, days=30, parse=parse, most_line_bytes=1, most_file_bytes=1)


def test_what_is_asked_while_the_service_stops_is_refused_and_leaves_nothing(tmp_path):
    jobs = jobs_in(JobsFolder(tmp_path, 8_000_000, has_owners=True))

    async def asked():
        async with Upload(jobs, "ann") as upload:
            await jobs.run()
            await upload.take(b"x", "a")

    with pytest.raises(JobsUnavailable, match="the service is stopping"):
        asyncio.run(asked())
    assert list((tmp_path / "files").iterdir()) == []


def test_of_who_leaves_while_his_file_is_begun_nothing_is_left(tmp_path, monkeypatch):
    folder = JobsFolder(tmp_path, 8_000_000, has_owners=True)
    jobs = jobs_in(folder)
    begun, upload = Event(), folder.upload
    monkeypatch.setattr(folder, "upload", lambda *of: begun.set() or sleep(0.05) or upload(*of))

    async def asked():
        async with Upload(jobs, "ann"):
            raise AssertionError

    async def left():
        asking = asyncio.create_task(asked())
        await asyncio.to_thread(begun.wait)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        return list((tmp_path / "files").iterdir())

    assert asyncio.run(left()) == []
