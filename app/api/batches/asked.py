"""The parts of requests that batches and files have in common."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, Field
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.api.given import Given
from app.errors import InvalidInput, JobsUnavailable
from app.full_disk import no_room
from app.jobs.jobs import Jobs
from app.tasks.schema import Schema

Listed = TypeVar("Listed")
Result = TypeVar("Result")
MOST_LISTED = 100


class ListPage(Schema):
    """The part of a list that is wanted: `limit` behind the one with the id `after`."""

    limit: int = Field(20, ge=1, le=MOST_LISTED)
    after: str | None = None


def jobs_of(given: Given) -> Jobs:
    """Raises JobsUnavailable."""
    if given.jobs is None:
        raise JobsUnavailable("batch jobs are switched off here: TESSERA_JOBS_DIR=off")
    return given.jobs


async def on_disk(jobs: Jobs, function: Callable[[], Result]) -> Result:
    """Call what writes to the folder of jobs. Raises JobsUnavailable where that fails."""
    try:
        return await jobs.on_thread(function)
    except OSError as error:
        words = no_room(error) or error.strerror or "it cannot be written"
        raise JobsUnavailable(f"nothing can be kept in the folder of batch jobs: {words}") from error


def owner_of(request: Request) -> str:
    return str(request.scope["state"].get("key", ""))


def page_of(found: Sequence[Listed], page: ListPage, id_of: Callable[[Listed], str]) -> tuple[list[Listed], bool]:
    """Return the wanted part of a list, and whether there is more. Raises InvalidInput if it does not hold `after`."""
    start = 0
    if page.after is not None:
        ids = [id_of(one) for one in found]
        if page.after not in ids:
            raise InvalidInput(f"nothing here has the id {page.after!r:.80}").under("after")
        start = ids.index(page.after) + 1
    end = start + min(page.limit, MOST_LISTED)
    return list(found[start:end]), len(found) > end


def told(answer: BaseModel) -> Response:
    return Response(to_json(answer), media_type="application/json")


def told_list(kind: type[BaseModel], data: Sequence[Any], *, has_more: bool) -> Response:
    ids: list[str | None] = [one.id for one in data] or [None]
    return told(kind.model_construct(data=data, first_id=ids[0], last_id=ids[-1], has_more=has_more))
