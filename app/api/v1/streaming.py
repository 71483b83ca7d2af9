"""Outputs piece by piece, as server-sent events."""

from pydantic_core import to_json
from starlette.requests import Request

from app.api.errors import in_words
from app.api.http.events import DONE, EventStream, event
from app.api.v1.bodies import no_pieces
from app.errors import ServiceError
from app.serving.engine import Prediction
from app.tasks.contract import Contract


class PieceEvents:
    """Each event is a piece with the model and version that made it; an error is told as it always is."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id

    def piece(self, piece: Prediction) -> bytes:
        own = {"model": piece.model, "version": piece.version}
        return b"".join(event(to_json({**own, **output.model_dump()})) for output in piece.outputs)

    def failed(self, error: ServiceError) -> bytes:
        told = in_words(self._request_id, error, str(error)).model_dump(exclude=set() if error.details else {"details"})
        return event(to_json(told)) + DONE

    def end(self) -> bytes:
        return DONE


def wants_events(request: Request, contract: Contract) -> bool:
    """Whether Accept names events, and does not name JSON before. Raises InvalidInput if there can be none."""
    ranges = accepted(request)
    named = (EventStream.media_type, "application/json")
    if next((each for each in ranges if each in named), None) != EventStream.media_type:
        return False
    if contract.Piece is None and not {"application/json", "application/*", "*/*"} & set(ranges):
        raise no_pieces(contract)
    return contract.Piece is not None


def accepted(request: Request) -> list[str]:
    """Return the media types that the header Accept names, in its order."""
    return [each.partition(";")[0].strip().lower() for each in request.headers.get("accept", "").split(",")]
