"""Files of callers: those that batches read, and those of their results."""

from pydantic import Field
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.api.batches.asked import MOST_LISTED, ListPage, jobs_of, owner_of, page_of, told, told_list
from app.api.batches.schemas import FileDeleted, FileList, FileObject
from app.api.batches.uploads import Upload
from app.api.errors import validated
from app.api.given import Given
from app.api.http.routes import Handler
from app.errors import InvalidInput

PURPOSE = "batch"
MULTIPART = "multipart/form-data"
MEDIA_TYPES = {"jsonl": "application/jsonl", "csv": "text/csv"}
OTHER = "application/octet-stream"


class FilePage(ListPage):
    """Clients of OpenAI may ask for more than comes at a time."""

    limit: int = Field(MOST_LISTED, ge=1)
    purpose: str | None = None
    order: str = "desc"


def is_form(scope_or_request: Request) -> bool:
    content_type = scope_or_request.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower() == MULTIPART


def send_file(given: Given) -> Handler:
    async def answer(request: Request, names: dict[str, str]) -> Response:
        jobs = jobs_of(given)
        if not is_form(request):
            raise InvalidInput(f"send {MULTIPART} with the fields file and purpose")
        async with Upload(jobs, owner_of(request)) as upload:
            await upload.take_form(request)
            if (purpose := upload.fields.pop("purpose", None)) != PURPOSE:
                raise InvalidInput(f"must be {PURPOSE!r}, not {purpose!r:.40}: files are for batches here").under(
                    "purpose"
                )
            if upload.fields:
                raise InvalidInput("is not known; a form has file and purpose").under(next(iter(upload.fields))[:80])
            return told(FileObject.of(await upload.keep()))

    return answer


def list_files(given: Given) -> Handler:
    async def answer(request: Request, names: dict[str, str]) -> Response:
        jobs, owner = jobs_of(given), owner_of(request)
        page = validated(FilePage, dict(request.query_params))
        files = await jobs.on_thread(lambda: jobs.folder.files(owner))
        files = [one for one in files if page.purpose in (None, one.purpose)]
        some, has_more = page_of(files[::-1] if page.order == "asc" else files, page, lambda one: one.id)
        return told_list(FileList, [FileObject.of(one) for one in some], has_more=has_more)

    return answer


def find_file(given: Given) -> Handler:
    async def answer(request: Request, names: dict[str, str]) -> Response:
        jobs, owner = jobs_of(given), owner_of(request)
        return told(FileObject.of(await jobs.on_thread(lambda: jobs.folder.file(owner, names["file"]))))

    return answer


def read_file(given: Given) -> Handler:
    async def answer(request: Request, names: dict[str, str]) -> Response:
        jobs, owner = jobs_of(given), owner_of(request)
        stored = await jobs.on_thread(lambda: jobs.folder.file(owner, names["file"]))
        media_type = MEDIA_TYPES.get(stored.filename.rpartition(".")[2].lower(), OTHER)
        return FileResponse(jobs.folder.content_of(stored), media_type=media_type)

    return answer


def delete_file(given: Given) -> Handler:
    async def answer(request: Request, names: dict[str, str]) -> Response:
        jobs, owner = jobs_of(given), owner_of(request)
        await jobs.on_thread(lambda: jobs.folder.delete_file(owner, names["file"]))
        return told(FileDeleted(id=names["file"]))

    return answer
