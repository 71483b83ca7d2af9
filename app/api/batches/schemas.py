"""Batches and files as OpenAI's clients read them, with some fields of our own."""

import re
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from app.jobs.records import Format, Job, JobState, LineFault, Status, StoredFile
from app.tasks.schema import Schema

WINDOW = re.compile(r"([1-9][0-9]{0,3})([mhd])")
SECONDS = {"m": 60, "h": 3600, "d": 86_400}
LONGEST_WINDOW_S = 30 * 86_400
MOST_METADATA, LONGEST_NAME, LONGEST_VALUE = 16, 64, 512  # OpenAI's


class BatchRequest(Schema):
    """A batch of requests (`endpoint`), or of items for one `model`."""

    input_file_id: str | None = Field(None, description="of a file that was sent before")
    inputs: list[Any] | None = Field(None, min_length=1, description="a few items for `model`, instead of a file")
    endpoint: str | None = Field(
        None, description="the one address that all lines ask; each line is {custom_id, method, url, body}"
    )
    model: str | None = Field(None, description="each line is an item for this model")
    parameters: dict[str, Any] = Field({}, description="of `model`; they hold for every line")
    format: Format | None = Field(None, description="of the file, if its name does not tell")
    completion_window: str = Field("24h", description="in which it ends, as it is: minutes, hours or days, 30d at most")
    metadata: dict[str, str] | None = Field(None, description="16 texts at most, which are given back")

    @field_validator("completion_window")
    @classmethod
    def _is_window(cls, given: str) -> str:
        if not WINDOW.fullmatch(given) or window_s(given) > LONGEST_WINDOW_S:
            raise ValueError(f"must be a number of minutes, hours or days, such as 24h, up to 30d, not {given!r:.20}")
        return given

    @field_validator("metadata")
    @classmethod
    def _is_short(cls, given: dict[str, str] | None) -> dict[str, str] | None:
        for name, value in (given or {}).items():
            if len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE:
                raise ValueError(f"{name!r:.80}: a name has {LONGEST_NAME} characters at most, a text {LONGEST_VALUE}")
        if given and len(given) > MOST_METADATA:
            raise ValueError(f"has {len(given)} texts, and may have {MOST_METADATA}")
        return given


def window_s(window: str) -> int:
    number, unit = window[:-1], window[-1]
    return int(number) * SECONDS[unit]


class BatchForm(BaseModel):
    """The same as multipart/form-data with the file itself: `curl -F file=@in.csv -F model=…`."""

    file: bytes = Field(description="JSONL, CSV or Parquet")
    endpoint: str | None = None
    model: str | None = None
    parameters: str | None = Field(None, description="JSON")
    format: Format | None = None
    completion_window: str = "24h"
    metadata: str | None = Field(None, description="JSON")


class FileForm(BaseModel):
    file: bytes
    purpose: Literal["batch"]


class FileObject(BaseModel):
    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: Literal["processed"] = "processed"

    @classmethod
    def of(cls, stored: StoredFile) -> "FileObject":
        return cls.model_construct(
            id=stored.id,
            bytes=stored.bytes,
            created_at=stored.created_at,
            filename=stored.filename,
            purpose=stored.purpose,
        )


class FileDeleted(BaseModel):
    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


class BatchFaults(BaseModel):
    object: Literal["list"] = "list"
    data: list[LineFault]


class RequestCounts(BaseModel):
    total: int
    completed: int
    failed: int


class BatchObject(BaseModel):
    """`waits_for` says why nothing happens at the moment. Times are seconds of Unix."""

    id: str
    object: Literal["batch"] = "batch"
    endpoint: str
    model: str | None
    errors: BatchFaults | None
    input_file_id: str
    completion_window: str
    status: Status
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    metadata: dict[str, str] | None
    waits_for: str | None

    @classmethod
    def of(cls, job: Job, state: JobState, endpoint: str, waits_for: str) -> "BatchObject":
        times: dict[str, Any] = {f"{status}_at": state.times.get(status) for status in TIMED}
        return cls.model_construct(
            id=job.id,
            endpoint=endpoint,
            model=job.model or None,
            errors=BatchFaults.model_construct(data=state.faults) if state.faults else None,
            input_file_id=job.file_id,
            completion_window=job.completion_window,
            status=state.status,
            output_file_id=job.output_file_id if state.has_output else None,
            error_file_id=job.error_file_id if state.has_errors else None,
            created_at=job.created_at,
            expires_at=job.expires_at,
            request_counts=RequestCounts.model_construct(
                total=state.total, completed=state.completed, failed=state.failed
            ),
            metadata=job.metadata,
            waits_for=waits_for or None,
            **times,
        )


TIMED: tuple[Status, ...] = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


class BatchList(BaseModel):
    object: Literal["list"] = "list"
    data: list[BatchObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileList(BaseModel):
    object: Literal["list"] = "list"
    data: list[FileObject]
    first_id: str | None
    last_id: str | None
    has_more: bool
