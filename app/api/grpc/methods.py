"""The methods that tell of the server and its models: each is one route of HTTP, whose JSON has the same names."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError
from pydantic_core import from_json, to_json

from app.api.grpc.inside import Answer, HttpQuestion, of_model
from app.api.grpc.messages import MESSAGES
from app.api.grpc.wire import NO_MESSAGE
from app.api.v2 import paths
from app.errors import InvalidInput, PayloadTooLarge

SERVICE, HEALTH = "inference.GRPCInferenceService", "grpc.health.v1.Health"
SERVING, NOT_SERVING = 1, 2
NOT_READY = (400, 404)  # of the routes of readiness: not ready, and no such model
QUICK_BYTES = 20_000  # of JSON, which become a message in a few milliseconds
OURS = ("", SERVICE)  # the names of services whose health is that of the server


class Method(NamedTuple):
    """`question` gives the request of HTTP to a message, `answer` the fields of the message to a JSON answer.

    An answer with a status of `told` is one, too, and no failure.
    """

    request: str
    response: str
    question: Callable[[Any], HttpQuestion]
    answer: Callable[[int, Any], dict[str, Any]] = lambda status, json: json
    told: tuple[int, ...] = ()


def _get(path: str) -> Callable[[Any], HttpQuestion]:
    return lambda request: HttpQuestion("GET", path)


def _of_model(verb: str, path: str, version_path: str = "") -> Callable[[Any], HttpQuestion]:
    def question(request: Any) -> HttpQuestion:
        if request.version:
            return HttpQuestion(verb, of_model(version_path, request.name, request.version))
        return HttpQuestion(verb, of_model(path, request.name))

    return question


def _statistics(request: Any) -> HttpQuestion:
    if not request.name:
        return HttpQuestion("GET", paths.ALL_STATISTICS)
    return _of_model("GET", paths.STATISTICS, paths.VERSION_STATISTICS)(request)


def _index(request: Any) -> HttpQuestion:
    _require_one_repository(request)
    return HttpQuestion("POST", paths.INDEX, [to_json({"ready": request.ready})])


def _repository(path: str) -> Callable[[Any], HttpQuestion]:
    def question(request: Any) -> HttpQuestion:
        _require_one_repository(request)
        parameters = dict.fromkeys(request.parameters)  # their values do not matter: none can be used
        return HttpQuestion("POST", of_model(path, request.model_name), [to_json({"parameters": parameters})])

    return question


def _require_one_repository(request: Any) -> None:
    if request.repository_name:
        raise InvalidInput("there is one repository, which has no name").under("repository_name")


def _health(request: Any) -> HttpQuestion:
    if request.service in OURS:
        return HttpQuestion("GET", paths.READY)
    return HttpQuestion("GET", of_model(paths.MODEL_READY, request.service))


def _ready(status: int, json: Any) -> dict[str, Any]:
    return {"ready": status == 200}


METHODS: Mapping[str, Method] = {
    f"/{SERVICE}/ServerLive": Method("Empty", "ServerLiveResponse", _get(paths.LIVE)),
    f"/{SERVICE}/ServerReady": Method("Empty", "ServerReadyResponse", _get(paths.READY), _ready, NOT_READY),
    f"/{SERVICE}/ServerMetadata": Method("Empty", "ServerMetadataResponse", _get(paths.SERVER)),
    f"/{SERVICE}/ModelReady": Method(
        "ModelRequest",
        "ModelReadyResponse",
        _of_model("GET", paths.MODEL_READY, paths.VERSION_READY),
        _ready,
        NOT_READY,
    ),
    f"/{SERVICE}/ModelMetadata": Method(
        "ModelRequest", "ModelMetadataResponse", _of_model("GET", paths.MODEL, paths.VERSION)
    ),
    f"/{SERVICE}/ModelConfig": Method(
        "ModelRequest",
        "ModelConfigResponse",
        _of_model("GET", paths.CONFIG, paths.VERSION_CONFIG),
        lambda status, json: {"config": json},
    ),
    f"/{SERVICE}/ModelStatistics": Method("ModelRequest", "ModelStatisticsResponse", _statistics),
    f"/{SERVICE}/RepositoryIndex": Method(
        "RepositoryIndexRequest", "RepositoryIndexResponse", _index, lambda status, json: {"models": json}
    ),
    f"/{SERVICE}/RepositoryModelLoad": Method("RepositoryModelRequest", "Empty", _repository(paths.LOAD)),
    f"/{SERVICE}/RepositoryModelUnload": Method("RepositoryModelRequest", "Empty", _repository(paths.UNLOAD)),
    f"/{HEALTH}/Check": Method(
        "HealthCheckRequest",
        "HealthCheckResponse",
        _health,
        lambda status, json: {"status": SERVING if status == 200 else NOT_SERVING},
        (400,),
    ),
}
_NO_SHARED_MEMORY = "tensors are sent in messages; there is no shared memory"
NOT_OFFERED: Mapping[str, str] = {
    **{
        f"/{SERVICE}/{kind}SharedMemory{verb}": _NO_SHARED_MEMORY
        for kind in ("System", "Cuda")
        for verb in ("Status", "Register", "Unregister")
    },
    f"/{SERVICE}/TraceSetting": "traces are set up where the service is started, and not by its callers",
    f"/{SERVICE}/LogSettings": "the log is set up where the service is started, and not by its callers",
    f"/{HEALTH}/Watch": "health is not watched here; call Check again",
}
"""Methods that clients know and that are not offered, each with the reason."""


def read(method: Method, message: bytes, most_bytes: int) -> HttpQuestion:
    """Raises InvalidInput for what is not its message, and PayloadTooLarge."""
    if len(message) > most_bytes:
        raise PayloadTooLarge(f"the request has {len(message)} bytes, and may have {most_bytes} here")
    try:
        return method.question(MESSAGES[method.request].FromString(message))
    except DecodeError:
        raise InvalidInput(NO_MESSAGE) from None


def is_quick(answer: Answer) -> bool:
    """Whether `written` takes less than handing it to another thread would."""
    return sum(map(len, answer.body)) <= QUICK_BYTES


def written(method: Method, answer: Answer) -> bytes:
    """Return the message of an answer."""
    json = from_json(b"".join(answer.body) or b"{}")
    response = MESSAGES[method.response]()
    # Fields of our JSON that the protocol has only over HTTP are left out.
    return bytes(
        ParseDict(method.answer(answer.status, json), response, ignore_unknown_fields=True).SerializeToString()
    )
