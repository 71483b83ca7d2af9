"""The route of text-embeddings-inference on which texts are ranked by a query."""

from starlette.requests import Request
from starlette.responses import Response

from app.api.given import Given
from app.api.http.routes import Handler
from app.errors import InvalidInput
from app.tasks.embeddings import SentenceSimilarity


def rerank(given: Given) -> Handler:
    """Refuse it with the reason: no task here reads a query and a text together."""

    async def answer(request: Request, names: dict[str, str]) -> Response:
        served = given.engine.find(names["model"])
        has_similarity = SentenceSimilarity.contract.name in served.contracts
        nearest = f"; POST /hf/models/{names['model']}/pipeline/{SentenceSimilarity.contract.name} compares vectors"
        raise InvalidInput(
            f"{served.manifest.name} does not rank texts: that takes a cross-encoder, which reads a query and a text "
            f"together{nearest if has_similarity else ''}"
        )

    return answer
