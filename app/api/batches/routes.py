"""Routes of batch jobs and their files."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.api.batches import described, paths
from app.api.batches.batches import cancel_batch, find_batch, list_batches, make_batch
from app.api.batches.files import delete_file, find_file, is_form, list_files, read_file, send_file
from app.api.batches.uploads import FORM_BYTES
from app.api.given import Given
from app.api.http.routes import DirectRoute, Section
from app.api.openai.errors import OpenAiFailure, is_client, shape, telling
from app.api.v1.errors import tell as tell_natively
from app.errors import ServiceError

FAILURES = (404, 413, 422, 429, 503)
ABOUT = "Files of many questions, answered when nobody else asks"
tell_clients_of_openai = telling({})


async def tell(request: Request, error: ServiceError) -> Response:
    """Answer an error as whoever asks reads it: clients of OpenAI's own making show no other form."""
    return await (tell_clients_of_openai if is_client(request) else tell_natively)(request, error)


def batching(given: Given) -> Section:
    def streams(scope: Scope) -> bool:
        return is_form(Request(scope))

    def body_bytes(scope: Scope) -> int:
        limits = given.limits
        if given.jobs is None or not streams(scope):
            return min(limits.json.max_bytes, limits.max_body_bytes)
        return given.jobs.most_file_bytes + FORM_BYTES

    get = partial(DirectRoute, "GET", statuses=FAILURES, tell=tell, scope="predict")
    post = partial(DirectRoute, "POST", statuses=FAILURES, tell=tell, scope="predict")
    sending = partial(post, body_bytes=body_bytes, streams=streams)
    routes = (
        sending(paths.BATCHES, make_batch(given), operation=described.MAKE),
        get(paths.BATCHES, list_batches(given), operation=described.LIST),
        get(paths.BATCH, find_batch(given), operation=described.FIND),
        post(paths.CANCEL, cancel_batch(given), operation=described.CANCEL),
        sending(paths.FILES, send_file(given), operation=described.SEND_FILE),
        get(paths.FILES, list_files(given), operation=described.LIST_FILES),
        get(paths.FILE, find_file(given), operation=described.FIND_FILE),
        get(paths.CONTENT, read_file(given), operation=described.READ_FILE),
        DirectRoute(
            "DELETE", paths.FILE, delete_file(given), FAILURES,
            tell=tell, scope="predict", operation=described.DELETE_FILE,
        ),
    )  # fmt: skip
    return Section(
        "batches",
        ABOUT,
        routes,
        shape=shape,
        Failure=OpenAiFailure,
        shared=(paths.BATCHES, paths.FILES),
        is_client=is_client,
    )
