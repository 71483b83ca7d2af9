"""Batches: made, listed, looked at and cancelled."""

import time
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.api.batches.asked import ListPage, jobs_of, on_disk, owner_of, page_of, told, told_list
from app.api.batches.files import is_form
from app.api.batches.inside import InsideRequests
from app.api.batches.schemas import BatchList, BatchObject, BatchRequest, window_s
from app.api.batches.uploads import Upload
from app.api.errors import validated
from app.api.given import Given
from app.api.http.aside import QUICK_BYTES
from app.api.http.callers import caller_of
from app.api.http.routes import Handler
from app.api.media.json_text import read_json
from app.api.v1 import paths as v1
from app.errors import InvalidInput, ServiceError
from app.jobs.folder import new_id
from app.jobs.jobs import Jobs, state_told
from app.jobs.records import FORMATS, Format, Job, StoredFile

PARQUET_MAGIC = b"PAR1"
IN_JSON = ("parameters", "metadata")  # fields of a form


def make_batch(given: Given) -> Handler:
    async def answer(request: Request, names: dict[str, str]) -> Response:
        jobs, owner = jobs_of(given), owner_of(request)
        if is_form(request):
            async with Upload(jobs, owner) as upload:
                await upload.take_form(request)
                sent = await _read_form(request, upload.fields, given)
                if sent.input_file_id or sent.inputs:
                    raise InvalidInput("the form has a file: leave input_file_id and inputs out")
                _require_one_form(sent)
                stored = await upload.keep()
        else:
            sent = await _read(request, given)
            _require_one_form(sent)
            stored = await _stored(jobs, owner, sent)
        try:
            job = await _job(jobs, owner, sent, stored)
            await on_disk(jobs, lambda: jobs.folder.add(job))
        except ServiceError:
            if sent.input_file_id is None:  # the file is of this batch alone
                await jobs.on_thread(lambda: jobs.folder.delete_file(owner, stored.id))
            raise
        jobs.look()
        return told(await _as_told(jobs, job))

    return answer


def list_batches(given: Given) -> Handler:
    async def answer(request: Request, names: dict[str, str]) -> Response:
        jobs, owner = jobs_of(given), owner_of(request)
        page = validated(ListPage, dict(request.query_params))
        found = await jobs.on_thread(lambda: jobs.folder.jobs(owner))
        some, has_more = page_of(found, page, lambda one: one.id)
        batches = [await _as_told(jobs, one) for one in some]
        return told_list(BatchList, batches, has_more=has_more)

    return answer


def find_batch(given: Given) -> Handler:
    async def answer(request: Request, names: dict[str, str]) -> Response:
        jobs, owner = jobs_of(given), owner_of(request)
        job = await jobs.on_thread(lambda: jobs.folder.job(owner, names["batch"]))
        return told(await _as_told(jobs, job))

    return answer


def cancel_batch(given: Given) -> Handler:
    async def answer(request: Request, names: dict[str, str]) -> Response:
        jobs, owner = jobs_of(given), owner_of(request)
        job = await jobs.on_thread(lambda: jobs.folder.job(owner, names["batch"]))
        state = await jobs.on_thread(lambda: jobs.folder.state(job))
        if state.is_final:
            raise InvalidInput(f"{job.id} is {state.status}, and cannot be cancelled any more")
        await on_disk(jobs, lambda: jobs.folder.cancel(job))
        jobs.look()
        return told(await _as_told(jobs, job))

    return answer


async def _read(request: Request, given: Given) -> BatchRequest:
    body = b"".join([chunk async for chunk in request.stream()])

    def read() -> BatchRequest:
        return validated(BatchRequest, read_json(body, given.limits.json))

    return await given.aside.of(caller_of(request)).read(read, is_quick=len(body) <= QUICK_BYTES)


async def _read_form(request: Request, fields: dict[str, str], given: Given) -> BatchRequest:
    aside, is_quick = given.aside.of(caller_of(request)), sum(map(len, fields.values())) <= QUICK_BYTES
    return await aside.read(lambda: validated(BatchRequest, _fields(fields, given)), is_quick=is_quick)


def _fields(fields: dict[str, str], given: Given) -> dict[str, Any]:
    found: dict[str, Any] = dict(fields)
    for name in IN_JSON:
        if name in found:
            try:
                found[name] = read_json(fields[name].encode(), given.limits.json, "is not valid JSON")
            except InvalidInput as error:
                raise error.under(name) from None
    return found


def _require_one_form(sent: BatchRequest) -> None:
    """Raises InvalidInput unless it is said in one way who is asked."""
    if (sent.model is None) == (sent.endpoint is None):
        raise InvalidInput(
            "name either the model, whose items the lines are, or the endpoint, which they ask as whole requests"
        )
    if sent.model is None and (sent.parameters or sent.inputs):
        raise InvalidInput("has no effect without model: a request has its own").under(
            "parameters" if sent.parameters else "inputs"
        )
    if sent.endpoint is not None and not InsideRequests.knows(sent.endpoint):
        raise InvalidInput(
            f"{sent.endpoint!r:.80} cannot be asked by a batch; these can: {', '.join(InsideRequests.asked)}"
        ).under("endpoint")


async def _stored(jobs: Jobs, owner: str, sent: BatchRequest) -> StoredFile:
    if (sent.inputs is None) == (sent.input_file_id is None):
        raise InvalidInput("either input_file_id or inputs must be there").under("input_file_id")
    if sent.input_file_id is not None:
        file_id = sent.input_file_id
        return await jobs.on_thread(lambda: jobs.folder.file(owner, file_id))
    lines = await jobs.on_thread(lambda: b"".join(to_json(one) + b"\n" for one in sent.inputs or ()))
    async with Upload(jobs, owner) as upload:
        await upload.take(lines, "inputs.jsonl")
        return await upload.keep()


async def _job(jobs: Jobs, owner: str, sent: BatchRequest, stored: StoredFile) -> Job:
    now = int(time.time())
    format = sent.format or await jobs.on_thread(lambda: _format_of(jobs, stored))
    if sent.endpoint is not None and format != "jsonl":
        raise InvalidInput(f"requests are lines of JSON, and the file is {format}").under("format")
    job = Job(
        id=new_id("batch"),
        owner=owner,
        form="items" if sent.model else "requests",
        format=format,
        file_id=stored.id,
        endpoint=sent.endpoint or "",
        model=sent.model or "",
        parameters=sent.parameters,
        completion_window=sent.completion_window,
        metadata=sent.metadata,
        created_at=now,
        expires_at=now + window_s(sent.completion_window),
        output_file_id=new_id("file"),
        error_file_id=new_id("file"),
    )
    jobs.require_usable(job)
    return job


def _format_of(jobs: Jobs, stored: StoredFile) -> Format:
    with jobs.folder.content_of(stored).open("rb") as file:
        if file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC:
            return "parquet"
    return FORMATS.get("." + stored.filename.rpartition(".")[2].lower(), "jsonl")


async def _as_told(jobs: Jobs, job: Job) -> BatchObject:
    state = await jobs.on_thread(lambda: state_told(jobs.folder, job))
    return BatchObject.of(job, state, job.endpoint or v1.of(v1.PREDICT, job.model), jobs.waits_for(job))
