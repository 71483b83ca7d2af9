"""Errors become HTTP in one place, whatever the core raises."""

import pytest
from conftest import ready
from hanging_up import hung_up_on
from starlette.types import ASGIApp

from app.api.errors import STATUS, status_of
from app.api.v2.errors import V2_STATUS
from app.errors import InvalidInput, Overloaded, ServiceError
from app.serving.local import LocalEngine
from tessera_client.errors import TesseraError, kind_of


class TensorTooLong(InvalidInput):
    """A finer error than the tables name."""


class QuotaSpent(Overloaded):
    """Another one, whose class takes more than a message."""


class NeverHeardOf(ServiceError):
    """A child of the root."""


@pytest.mark.parametrize(
    ("error", "native", "v2"),
    [
        (InvalidInput("x"), 422, 400),
        (TensorTooLong("x"), 422, 400),
        (QuotaSpent("x", 2.0), 429, 429),
        (NeverHeardOf("x"), 500, 500),
    ],
)
def test_an_error_that_the_table_does_not_name_has_the_status_of_its_parent(error, native, v2):
    assert status_of(error, STATUS) == native
    assert status_of(error, V2_STATUS) == v2


def test_a_finer_error_is_answered_in_the_envelope_with_the_headers_of_its_parent(app: ASGIApp, monkeypatch):
    async def refuse(*_: object, **__: object) -> None:
        raise QuotaSpent("your quota is spent", 6.2)

    monkeypatch.setattr(LocalEngine, "predict", refuse)
    with ready(app) as client:
        answer = client.post("/v1/models/tiny-sentiment/predict", json={"inputs": ["good"]})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["error_type"] == "QuotaSpent"


@pytest.mark.parametrize("status", sorted({*STATUS.values(), *V2_STATUS.values(), 405, 408, 415, 431, 418}))
def test_the_python_client_has_a_class_for_every_status_that_the_service_answers(status):
    assert kind_of(status) is not TesseraError


@pytest.mark.parametrize(
    "path", ["/v2/repository/index", "/v2/repository/models/tiny-sentiment/load", "/v1/models/tiny-sentiment/predict"]
)
def test_who_hangs_up_while_the_body_arrives_is_no_failure_of_ours(app: ASGIApp, caplog, path):
    with ready(app) as client:
        assert hung_up_on(client, path) == [499]
    assert not [one for one in caplog.records if one.levelname == "ERROR"]
