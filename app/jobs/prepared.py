"""Files of jobs, looked through by another process."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE

from pydantic import ValidationError

from app.full_disk import no_room
from app.jobs.preparing import MOST_MEMORY, FileOrder, Verdict
from app.jobs.records import JobFailed, NoRoom

MOST_SAID = 500  # bytes of why it ended, for the log


async def prepare(order: FileOrder) -> Verdict:
    """Return the verdict on a file, or end the process that looks for it when the caller is cancelled.

    Raises JobFailed if the file ends that process, and NoRoom if its lines find no room.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.jobs.preparing", stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
    )
    try:
        told, said = await process.communicate(order.model_dump_json().encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 0:
        try:
            return Verdict.model_validate_json(told)
        except ValidationError as error:
            raise JobFailed("the file could not be looked through") from error
    if words := no_room(OSError(said.decode(errors="replace"))):
        raise NoRoom(f"the lines of the file cannot be written: {words}")
    if b"MemoryError" in said or b"malloc" in said or process.returncode in (-signal.SIGKILL, -signal.SIGSEGV):
        raise JobFailed(f"the file needs more than {MOST_MEMORY} bytes of memory to be read; write smaller row groups")
    raise JobFailed("the file could not be looked through") from RuntimeError(
        f"status {process.returncode}: {said[-MOST_SAID:]!r}"
    )
