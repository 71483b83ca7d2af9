"""A typed Python client of a Tessera service. It needs httpx and pydantic, and nothing of the service.

A function says what is asked, and a client asks it:

    with Client("http://127.0.0.1:8000") as client:
        prediction = client.ask(classify_texts("reviews-sentiment", ["What a good film."]))
        print(prediction.outputs[0][0].label)
"""

from tessera_client.calls import (
    Call,
    classify_images,
    classify_texts,
    embed,
    explain,
    list_models,
    predict,
    predict_images,
    recommend,
    recommend_to,
    summarize,
)
from tessera_client.client import AsyncClient, Client
from tessera_client.errors import (
    BadRequest,
    DeadlineExceeded,
    Forbidden,
    HeadersTooLarge,
    InferenceFailed,
    InvalidArtifact,
    InvalidInput,
    ModelNotFound,
    NotAllowed,
    NotOffered,
    NotReadable,
    NotReady,
    Overloaded,
    PayloadTooLarge,
    TesseraError,
    Unauthorized,
    Unreachable,
)
from tessera_client.events import Event, forget_user, send_events
from tessera_client.results import Label, ModelState, Prediction, RecommendedItem, Summary, SummarySentence

__all__ = [
    "AsyncClient",
    "BadRequest",
    "Call",
    "Client",
    "DeadlineExceeded",
    "Event",
    "Forbidden",
    "HeadersTooLarge",
    "InferenceFailed",
    "InvalidArtifact",
    "InvalidInput",
    "Label",
    "ModelNotFound",
    "ModelState",
    "NotAllowed",
    "NotOffered",
    "NotReadable",
    "NotReady",
    "Overloaded",
    "PayloadTooLarge",
    "Prediction",
    "RecommendedItem",
    "Summary",
    "SummarySentence",
    "TesseraError",
    "Unauthorized",
    "Unreachable",
    "classify_images",
    "classify_texts",
    "embed",
    "explain",
    "forget_user",
    "list_models",
    "predict",
    "predict_images",
    "recommend",
    "recommend_to",
    "send_events",
    "summarize",
]
