"""Each failure has one status of gRPC, which is that of its route over HTTP."""

import grpc
import pytest
from starlette.datastructures import Headers

from app import errors
from app.api.errors import STATUS
from app.api.grpc.inside import Answer
from app.api.grpc.status import CODES, MOST_ENCODED, Failed, shortened
from app.api.v2.errors import V2_STATUS

Code = grpc.StatusCode


def test_no_status_of_our_routes_is_unknown():
    assert {*STATUS.values(), *V2_STATUS.values()} <= CODES.keys()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidInput("x"), Code.INVALID_ARGUMENT),
        (errors.PayloadTooLarge("x"), Code.INVALID_ARGUMENT),
        (errors.Unauthorized("x"), Code.UNAUTHENTICATED),
        (errors.KeysUnreadable("x"), Code.UNAVAILABLE),
        (errors.Forbidden("x"), Code.PERMISSION_DENIED),
        (errors.ModelNotFound("x"), Code.NOT_FOUND),
        (errors.ModelNotReady("x"), Code.UNAVAILABLE),
        (errors.Overloaded("x", 1.5), Code.RESOURCE_EXHAUSTED),
        (errors.DeadlineExceeded("x"), Code.DEADLINE_EXCEEDED),
        (errors.InvalidArtifact("x"), Code.FAILED_PRECONDITION),
        (errors.InferenceFailed("x"), Code.INTERNAL),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else one.name,
)
def test_an_error_has_its_status(error, code):
    assert Failed.by_error(error).code is code


def test_an_overload_says_when_to_come_again():
    assert Failed.by_error(errors.Overloaded("x", 1.5)).trailers == (("retry-after", "2"),)
    answer = Answer(429, Headers({"Retry-After": "3", "X-Request-Id": "a", "Via": "b"}), [b'{"error": "no room"}'])
    failed = Failed.by_answer(answer)
    assert (failed.code, failed.message) == (Code.RESOURCE_EXHAUSTED, "no room")
    assert failed.trailers == (("retry-after", "3"), ("x-request-id", "a"))


def test_a_message_is_short_enough_for_a_trailer():
    assert shortened("x" * MOST_ENCODED) == "x" * MOST_ENCODED
    assert 240 < len(shortened("😀" * 2000)) <= MOST_ENCODED / 12
