"""The things that are kept of a job and of a file, as JSON beside their contents."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from app.errors import ServiceError

Status = Literal["validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled"]
"""The words of OpenAI's batches."""
FINAL: frozenset[str] = frozenset(("completed", "failed", "expired", "cancelled"))

End = Literal["completed", "cancelled", "expired", "stopped"]
"""The ways in which a run ends that is no failure; one that was stopped goes on when the service is there again."""

Form = Literal["items", "requests"]
"""A line is an item for one model, or a whole request that names its address."""
Format = Literal["jsonl", "csv", "parquet"]
FORMATS: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
"""By the ends of names of files."""


class Record(BaseModel):
    """A later release may have written more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class StoredFile(Record):
    """A file of a caller: `owner` is the name of his key, empty where no keys are asked for."""

    id: str
    owner: str
    filename: str
    purpose: str
    bytes: int
    created_at: int


class LineFault(Record):
    """The reason why a file cannot be worked through; `line` counts from 1, and is None if it is no single one."""

    message: str
    line: int | None = None
    code: str = "invalid_input"
    param: str | None = None


class Job(Record):
    """All that was asked for when a job was made; nothing here changes. Times are seconds of Unix."""

    id: str
    owner: str
    form: Form
    format: Format
    file_id: str
    endpoint: str = ""
    """The one address of all requests; empty if each line names its own."""
    model: str = ""
    """Of items."""
    parameters: dict[str, Any] = {}
    completion_window: str
    metadata: dict[str, str] | None = None
    created_at: int
    expires_at: int
    output_file_id: str
    error_file_id: str


class JobState(Record):
    """The progress of a job. `times` has the second at which each status began, `total` the number of its lines.

    Until it is final, the journal has the lines that are done.
    """

    status: Status = "validating"
    times: dict[str, int] = {}
    total: int = 0
    completed: int = 0
    failed: int = 0
    faults: list[LineFault] = []
    has_output: bool = False
    has_errors: bool = False

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


class JobFailed(ServiceError):
    """A job cannot go on; the faults say why."""

    def __init__(self, message: str, faults: list[LineFault] | None = None) -> None:
        super().__init__(message)
        self.faults = faults or [LineFault(message=message, code="job_failed")]


class NoRoom(ServiceError):
    """The results of a job found no room, which may change."""


class JobEnded(Exception):
    """A job is to end, for a reason that is no failure, while it waits for something."""

    def __init__(self, end: End) -> None:
        super().__init__(end)
        self.end = end
