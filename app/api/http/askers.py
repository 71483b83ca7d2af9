"""Who asks, and for whom: by that a rule on traffic chooses the version, where no request names one."""

from starlette.requests import Request

from app.api.http.callers import caller_of
from app.serving.engine import Asker

SUBJECT = b"x-tessera-subject"


def asker_of(request: Request, subject: str | None = None) -> Asker:
    """Return who asks. The person or thing for whom is named by a header, or else by the body, which is `subject`."""
    given = next((value for name, value in request.scope["headers"] if name == SUBJECT), b"")
    return Asker(caller_of(request), request.scope["state"]["request_id"], given.decode("latin-1") or subject or "")
