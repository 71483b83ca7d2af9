"""The client against a server that plays a written part, over real sockets."""

import asyncio
import json
import pickle
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest

from tessera_client import (
    AsyncClient,
    BadRequest,
    Call,
    Client,
    DeadlineExceeded,
    Forbidden,
    HeadersTooLarge,
    InferenceFailed,
    InvalidArtifact,
    InvalidInput,
    ModelNotFound,
    NotAllowed,
    NotReadable,
    NotReady,
    Overloaded,
    PayloadTooLarge,
    TesseraError,
    Unreachable,
    classify_texts,
    explain,
    list_models,
    predict,
    predict_images,
    summarize,
)
from tessera_client.errors import Detail

GOOD = {"model": "m", "version": 3, "outputs": [[{"label": "good", "score": 0.9, "of_a_newer_service": 1}]]}
ASKED = classify_texts("m", ["a"])


class Script:
    """The server's answers in turn, as (status, headers, body, seconds), and the requests for them."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, dict[str, str], Any, float]] = []
        self.asked: list[tuple[float, str, dict[str, str], bytes]] = []
        self.is_over = threading.Event()  # ends what hangs

    def will(self, status: int, body: Any = GOOD, seconds: float = 0.0, **headers: str) -> None:
        self.parts.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, body, seconds))

    def will_refuse(self, status: int, **headers: str) -> None:
        self.will(status, {"error": "not now", "error_type": "Overloaded", "request_id": "r1"}, **headers)

    @property
    def timeouts_ms(self) -> list[int]:
        return [int(headers["x-request-timeout-ms"]) for _, _, headers, _ in self.asked]

    @property
    def pauses_s(self) -> list[float]:
        times = [at for at, *_ in self.asked]
        return [later - earlier for earlier, later in pairwise(times)]


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            script.asked.append((monotonic(), self.path, headers, content))
            status, headers, body, seconds = script.parts.pop(0)
            script.is_over.wait(seconds)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    script.is_over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def ask_sync(url: str, call: Call[Any] = ASKED, **options: Any) -> Any:
    with Client(url, **options) as client:
        return client.ask(call)


def ask_async(url: str, call: Call[Any] = ASKED, **options: Any) -> Any:
    async def ask() -> Any:
        async with AsyncClient(url, **options) as client:
            return await client.ask(call)

    return asyncio.run(ask())


@pytest.fixture(params=[ask_sync, ask_async], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_an_answer_is_typed_and_names_its_version_and_request(ask, url, script):
    script.will(200, X_Request_Id="abc")
    prediction = ask(url)
    assert (prediction.outputs[0][0].label, prediction.outputs[0][0].score) == ("good", 0.9)
    assert (prediction.model, prediction.version, prediction.request_id) == ("m", 3, "abc")


def test_what_is_not_set_is_left_to_the_service(ask, url, script):
    script.will(200)
    ask(url, classify_texts("a name/with ?", ["x"], top_k=2, version=7), headers={"X-Team": "films"})
    _, path, headers, content = script.asked[0]
    assert path == "/v1/models/a%20name%2Fwith%20%3F/versions/7/predict"
    assert json.loads(content) == {"inputs": ["x"], "parameters": {"top_k": 2}}
    assert headers["x-team"] == "films"


def test_images_go_as_files_to_models_of_any_task(ask, url, script, tmp_path):
    script.will(200, {"model": "m", "version": 1, "outputs": [{"detections": []}, {"detections": []}]})
    (tmp_path / "a.png").write_bytes(b"the first")
    images = [tmp_path / "a.png", b"the second"]
    found = ask(url, predict_images("m", images, dict[str, Any], parameters={"threshold": 0.7, "top_k": None}))
    assert found.outputs == [{"detections": []}] * 2
    _, path, headers, content = script.asked[0]
    assert path == "/v1/models/m/predict"
    assert headers["content-type"].startswith("multipart/form-data")
    assert content.index(b"the first") < content.index(b"the second")
    assert b'{"threshold": 0.7}' in content


@pytest.mark.parametrize("status", [429, 503])
def test_it_tries_again_after_the_time_that_the_service_asks_for(ask, url, script, status):
    script.will_refuse(status, Retry_After="1")
    script.will(200)
    assert ask(url).version == 3
    assert 1 <= script.pauses_s[0] < 10


def test_retry_after_may_be_a_date(ask, url, script):
    script.will_refuse(429, Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True))
    script.will(200)
    ask(url)
    assert 0.9 < script.pauses_s[0] < 10


def test_without_retry_after_pauses_grow(ask, url, script):
    for _ in range(3):
        script.will_refuse(503, Retry_After="soon")
    script.will(200)
    ask(url)
    first, second, third = script.pauses_s
    assert (first >= 0.25, second >= 0.5, third >= 1) == (True, True, True)
    assert first + second + third < 20


def test_it_gives_up_after_so_many_attempts(ask, url, script):
    for _ in range(3):
        script.will_refuse(429, Retry_After="0")
    with pytest.raises(Overloaded, match="not now") as error:
        ask(url, max_attempts=2)
    assert (error.value.status, error.value.request_id) == (429, "r1")
    assert len(script.asked) == 2


def test_it_does_not_wait_for_what_would_come_too_late(ask, url, script):
    script.will_refuse(429, Retry_After="500")
    started = monotonic()
    with pytest.raises(Overloaded):
        ask(url, timeout_s=200)
    assert monotonic() - started < 100


def test_the_service_is_told_how_much_time_is_left(ask, url, script):
    script.will_refuse(503, Retry_After="1")
    script.will(200)
    ask(url, timeout_s=100)
    first, second = script.timeouts_ms
    assert 50_000 < second <= first - 1000
    assert first <= 100_000


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, ModelNotFound), (413, PayloadTooLarge), (422, InvalidInput), (500, InferenceFailed), (504, DeadlineExceeded),
     (502, TesseraError), (307, TesseraError), (400, BadRequest), (403, Forbidden), (405, NotAllowed),
     (408, DeadlineExceeded), (409, InvalidArtifact), (415, NotReadable), (418, BadRequest), (431, HeadersTooLarge)],
)  # fmt: skip
def test_everything_else_is_tried_once_and_raised_as_what_it_is(ask, url, script, status, kind):
    details = [{"loc": ["inputs", 1, "text"], "msg": "the text is empty"}]
    script.will(status, {"error": "why", "error_type": "T", "request_id": "r2", "details": details}, Retry_After="0")
    with pytest.raises(kind, match="why") as error:
        ask(url)
    assert type(error.value) is kind
    assert (error.value.status, error.value.error_type, error.value.request_id) == (status, "T", "r2")
    assert error.value.details[0].loc == ["inputs", 1, "text"]


@pytest.mark.parametrize("body", [b"<html>\n bad\tgateway</html>", b"", b"\xff\xfe", b"[1]", b'{"error": 3}'])
def test_an_error_that_is_not_from_the_service_is_told_as_it_is(ask, url, script, body):
    script.will(502, body)
    with pytest.raises(TesseraError, match="HTTP 502 Bad Gateway") as error:
        ask(url)
    assert error.value.status == 502


@pytest.mark.parametrize("body", [b"not json", b"[]", {"model": "m", "version": 1, "outputs": [{"summary": "x"}]}])
def test_an_answer_of_another_form_is_an_error_and_not_a_guess(ask, url, script, body):
    script.will(200, body)
    with pytest.raises(TesseraError, match="not what a model of this task gives"):
        ask(url, summarize("m", ["a"]))


@pytest.mark.parametrize("kind", [TesseraError, PayloadTooLarge, Forbidden, Unreachable])
def test_an_error_can_go_through_another_process(kind):
    details = [Detail(loc=["inputs", 0], msg="empty")]
    error = kind("why", status=413, error_type="PayloadTooLarge", request_id="r3", details=details)
    found = pickle.loads(pickle.dumps(error))
    assert (type(found), str(found), vars(found)) == (kind, "why", vars(error))


def test_no_connection_is_unreachable_at_once(ask):
    with pytest.raises(Unreachable, match="cannot be reached"):
        ask("http://127.0.0.1:9")


def test_a_service_that_hangs_costs_no_more_than_the_time_given(ask, url, script):
    script.will(200, seconds=100)
    started = monotonic()
    with pytest.raises(DeadlineExceeded, match="no answer in time"):
        ask(url, timeout_s=0.5)
    assert monotonic() - started < 50


def test_one_call_may_have_its_own_time(url, script):
    script.will(200)
    with Client(url, timeout_s=5) as client:
        client.ask(ASKED, timeout_s=1)
    assert script.timeouts_ms[0] <= 1000


@pytest.mark.parametrize("timeout_s", [0, -1, 601, float("nan")])
def test_a_time_that_the_service_would_not_take_is_refused_before_anything_is_sent(ask, url, timeout_s):
    with pytest.raises(ValueError, match="timeout_s must be above 0 and at most 600"):
        ask(url, timeout_s=timeout_s)
    with pytest.raises(ValueError, match="max_attempts must be at least 1"):
        ask(url, max_attempts=0)


def test_own_types_are_validated(ask, url, script):
    script.will(200, {"model": "m", "version": 1, "outputs": [{"y": [1, 2]}]})
    assert ask(url, predict("m", [{"x": 1}], dict[str, list[float]])).outputs == [{"y": [1.0, 2.0]}]
    script.will(200, {"model": "m", "version": 1, "outputs": [{"y": "text"}]})
    with pytest.raises(TesseraError, match="y"):
        ask(url, predict("m", [{"x": 1}], dict[str, list[float]]))
    script.will(200, {"model": "m", "version": 1, "outputs": [{"y": "text"}]})
    assert ask(url, predict("m", [{"x": 1}], parameters={"a": 1})).outputs == [{"y": "text"}]


def test_reasons_are_asked_for_like_a_prediction(ask, url, script):
    script.will(200, {"model": "m", "version": 3, "outputs": [{"label": "good", "words": []}]})
    answer = ask(url, explain("m", ["a"], dict[str, Any], parameters={"label": "good", "truncate": None}, version=3))
    assert answer.outputs == [{"label": "good", "words": []}]
    ((_, path, _, content),) = script.asked
    assert (path, json.loads(content)) == (
        "/v1/models/m/versions/3/explain", {"inputs": ["a"], "parameters": {"label": "good"}},
    )  # fmt: skip


def test_the_client_is_told_what_is_served_and_its_readiness(ask, url, script):
    script.will(200, {"models": [{"name": "m", "task": None, "version": None, "state": "loading"}]})
    assert ask(url, list_models())[0].state == "loading"
    script.will(503, b"")
    with pytest.raises(NotReady):
        ask(url, list_models(), max_attempts=1)
