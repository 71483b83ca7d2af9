"""The folder of jobs: files of callers, jobs and their results, with a bound on the bytes of all and of each caller.

    files/ID.json, files/ID                 a file of a caller and its content
    jobs/ID/{job,state}.json                a job: what was asked for, and how far it is
    jobs/ID/{lines,output,errors,journal}   work that is not finished
    jobs/ID/{lock,cancel}                   held by the process that runs it; there if it is to be cancelled

Several processes may share it. Its methods wait for the disk: they are called on threads.
"""

import fcntl
import os
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Literal, TypeVar

from pydantic import ValidationError

from app.errors import InvalidInput, JobNotFound, JobsUnavailable, Overloaded, PayloadTooLarge
from app.jobs.journal import Counted, read_journal
from app.jobs.records import Job, JobState, Record, StoredFile
from app.jobs.uploaded import Uploaded
from app.whole_file import OWN, write_whole

Kind = TypeVar("Kind", bound=Record)

ID = re.compile(r"(file-|batch_)[0-9a-f]{24}")
PREFIXES = {"file": "file-", "batch": "batch_"}
BLOCK_BYTES = 4096  # that a file takes at least
MOST_JOB = 100_000  # bytes of what is asked for, which stay in memory
MOST_FILES, MOST_UNFINISHED = 2000, 200  # of one caller
SHARE = 0.5  # of all bytes, which one caller may have if there are several


def new_id(kind: Literal["file", "batch"]) -> str:
    """Return a name as OpenAI's have them: milliseconds, so that names have the order of time, and 48 random bits."""
    return f"{PREFIXES[kind]}{time.time_ns() // 1_000_000:012x}{token_hex(6)}"


class JobsFolder:
    def __init__(self, root: Path, most_bytes: int, *, has_owners: bool) -> None:
        """`has_owners`: callers have names, and none of them may have all `most_bytes`."""
        self._root = root
        self._files, self._jobs = root / "files", root / "jobs"
        self.most_bytes = most_bytes
        self._own_bytes = int(SHARE * most_bytes) if has_owners else most_bytes
        self._known: dict[Path, Record] = {}  # what never changes is read once
        self._ended: dict[str, JobState] = {}
        self._uploading: dict[Path, str] = {}
        self._guard = threading.Lock()

    @property
    def is_there(self) -> bool:
        return self._jobs.is_dir()

    def make(self) -> None:
        """Raises JobsUnavailable."""
        try:
            for folder in (self._files, self._jobs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not os.access(folder, os.W_OK):
                    raise PermissionError(13, "it cannot be written", str(folder))
        except OSError as error:
            raise JobsUnavailable(
                f"batch jobs need a folder, and TESSERA_JOBS_DIR={self._root} cannot be used: {error.strerror}"
            ) from error

    # Files of callers.

    def upload(self, owner: str, filename: str, purpose: str) -> Uploaded:
        """Begin to take a file in, which is there once it is kept; it must be closed. Raises JobsUnavailable,
        PayloadTooLarge without room, and OSError."""
        self.make()
        if sum(one.owner == owner for one in self._all_files()) >= MOST_FILES:
            raise PayloadTooLarge(f"you have {MOST_FILES} files here, and may not have more; delete some")
        path = self._files / f".uploading-{token_hex(12)}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, OWN)
        with self._guard:
            self._uploading[path] = owner
        return Uploaded(self, path, descriptor, owner, filename, purpose)

    def uploaded(self, path: Path) -> None:
        """Forget a file that has arrived, or does not arrive any more."""
        with self._guard:
            self._uploading.pop(path, None)
        path.unlink(missing_ok=True)

    def keep(self, path: Path, owner: str, filename: str, purpose: str, file_id: str | None = None) -> StoredFile:
        """Make a file that lies in this folder one of the caller's, at once and whole."""
        stored = StoredFile(
            id=file_id or new_id("file"),
            owner=owner,
            filename=filename,
            purpose=purpose,
            bytes=path.stat().st_size,
            created_at=int(time.time()),
        )
        write_whole(self._files / f"{stored.id}.json", stored.model_dump_json(), OWN, is_synced=True)
        os.replace(path, self.content_of(stored))
        return stored

    def file(self, owner: str, file_id: str) -> StoredFile:
        """Raises JobNotFound."""
        if not ID.fullmatch(file_id) or not (self._files / file_id).is_file():
            raise JobNotFound(f"no file {file_id!r:.80}")
        stored = self._read(StoredFile, self._files / f"{file_id}.json")
        if stored is None or stored.owner != owner:
            raise JobNotFound(f"no file {file_id!r:.80}")
        return stored

    def has(self, file_id: str) -> bool:
        return (self._files / file_id).exists()

    def files(self, owner: str) -> list[StoredFile]:
        """All of a caller, newest first."""
        return sorted((one for one in self._all_files() if one.owner == owner), key=_age, reverse=True)

    def content_of(self, stored: StoredFile) -> Path:
        return self._files / stored.id

    def delete_file(self, owner: str, file_id: str) -> None:
        """Raises JobNotFound, and InvalidInput while a job reads it."""
        stored = self.file(owner, file_id)
        reading = [job.id for job in self._all_jobs() if job.file_id == file_id and not self.state(job).is_final]
        if reading:
            raise InvalidInput(f"{reading[0]} still reads {file_id}; cancel it first")
        self._remove(stored)

    def room(self, owner: str) -> int:
        """Return how many more bytes a caller may put here."""
        sizes: Counter[str] = Counter()
        for one in self._all_files():
            sizes[one.owner] += max(one.bytes, BLOCK_BYTES)
        for path in list(self._uploading):
            sizes[self._uploading.get(path, "")] += _size(path)
        for job in self._all_jobs():
            sizes[job.owner] += sum(max(_size(path), BLOCK_BYTES) for path in _inside(self.place(job)))
        return min(self.most_bytes - sizes.total(), self._own_bytes - sizes[owner])

    def require_room(self, owner: str, size: int) -> None:
        """Raises PayloadTooLarge."""
        if size > (room := self.room(owner)):
            raise PayloadTooLarge(
                f"there is no room for {size} bytes more: {max(0, room)} are left for your files and jobs; delete some"
            )

    # Jobs.

    def add(self, job: Job) -> None:
        """Raises Overloaded for one more than a caller may have, PayloadTooLarge and OSError."""
        self.make()
        unfinished = [one for one in self._all_jobs() if one.owner == job.owner and not self.state(one).is_final]
        if len(unfinished) >= MOST_UNFINISHED:
            raise Overloaded(f"you have {MOST_UNFINISHED} batches that are not finished, and may not have more", 60.0)
        content = job.model_dump_json()
        if len(content) > MOST_JOB:
            raise PayloadTooLarge(f"a batch may have {MOST_JOB} bytes beside its file, and this has {len(content)}")
        self.require_room(job.owner, BLOCK_BYTES + max(len(content), BLOCK_BYTES))
        place = self.place(job)
        place.mkdir(mode=0o700)
        try:
            self.put_state(job, JobState(times={"validating": job.created_at}))
            write_whole(place / "job.json", content, OWN, is_synced=True)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def job(self, owner: str, job_id: str) -> Job:
        """Raises JobNotFound."""
        job = self._read(Job, self._jobs / job_id / "job.json") if ID.fullmatch(job_id) else None
        if job is None or job.owner != owner:
            raise JobNotFound(f"no batch {job_id!r:.80}")
        return job

    def jobs(self, owner: str) -> list[Job]:
        """All of a caller, newest first."""
        return sorted((one for one in self._all_jobs() if one.owner == owner), key=_age, reverse=True)

    def unfinished(self) -> list[Job]:
        """Return the jobs of all callers, oldest first, that are not finished."""
        return sorted((one for one in self._all_jobs() if not self.state(one).is_final), key=_age)

    def place(self, job: Job) -> Path:
        return self._jobs / job.id

    def state(self, job: Job) -> JobState:
        if (ended := self._ended.get(job.id)) is not None:
            return ended
        try:
            state = JobState.model_validate_json((self.place(job) / "state.json").read_bytes())
        except (OSError, ValidationError):
            return JobState(times={"validating": job.created_at})
        if state.is_final:
            self._ended[job.id] = state
        return state

    def put_state(self, job: Job, state: JobState) -> None:
        write_whole(self.place(job) / "state.json", state.model_dump_json(), OWN, is_synced=True)

    def counted(self, job: Job) -> Counted:
        return read_journal(self.place(job) / "journal")[0]

    def is_to_be_cancelled(self, job: Job) -> bool:
        return (self.place(job) / "cancel").exists()

    def cancel(self, job: Job) -> None:
        (self.place(job) / "cancel").touch(OWN)

    def lock(self, job: Job) -> int | None:
        """Return a descriptor that holds the job for this process; None if another one runs it, or it is gone."""
        try:
            descriptor = os.open(self.place(job) / "lock", os.O_RDWR | os.O_CREAT, OWN)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def forget_old(self, days: int) -> None:
        """Delete finished jobs, files that no job reads, and what was never finished, if they are as old as that."""
        before = time.time() - 86_400 * days
        in_use = {job.file_id for job in self.unfinished()}
        for job in self._all_jobs():
            if job.created_at < before and self.state(job).is_final:
                shutil.rmtree(self.place(job), ignore_errors=True)
                self._known.pop(self.place(job) / "job.json", None)
                self._ended.pop(job.id, None)
        for stored in self._all_files():
            if stored.created_at < before and stored.id not in in_use:
                self._remove(stored)
        for path in self._files.glob(".*"):
            with suppress(OSError):
                if path not in self._uploading and path.stat().st_mtime < min(before, time.time() - 86_400):
                    path.unlink()

    def _all_files(self) -> Iterator[StoredFile]:
        for path in self._files.glob("file-*.json"):
            stored = self._read(StoredFile, path)
            if stored is not None and self.content_of(stored).exists():
                yield stored

    def _all_jobs(self) -> Iterator[Job]:
        for place in self._jobs.glob("batch_*"):
            job = self._read(Job, place / "job.json")
            if job is not None:
                yield job

    def _read(self, kind: type[Kind], path: Path) -> Kind | None:
        found = self._known.get(path) if path.exists() else None  # another process may have deleted it
        if found is None:
            try:
                found = kind.model_validate_json(path.read_bytes())
            except (OSError, ValidationError):
                return None
            self._known[path] = found
        return found if isinstance(found, kind) else None

    def _remove(self, stored: StoredFile) -> None:
        meta = self._files / f"{stored.id}.json"
        for path in (self.content_of(stored), meta):
            with suppress(FileNotFoundError):
                path.unlink()
        self._known.pop(meta, None)


def _age(one: StoredFile | Job) -> tuple[int, str]:
    return one.created_at, one.id


def _inside(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
