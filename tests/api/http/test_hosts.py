import pytest
from conftest import ready
from engines import far_engine
from starlette.testclient import TestClient

from app.api.app import create_app
from app.api.http.limits import Limits
from app.main import build
from app.settings import Settings
from app.telemetry import Telemetry

PREDICT = "/v1/models/tiny-sentiment/predict"


@pytest.fixture(scope="module")
def client(kept_models_dir):
    app = create_app(far_engine(kept_models_dir), Telemetry(), Limits(), hosts=["Models.example.org"])
    with ready(app) as client:
        yield client


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:8000", "LOCALHOST:8000", "localhost.", "a.localhost", "a.b.localhost:1", "my-box:80"),
        *("127.0.0.1", "127.0.0.1:8000", "127.1.2.3:8000", "10.0.0.7:8000"),
        *("[::1]", "[::1]:8000", "[::ffff:127.0.0.1]:8000"),
        *("models.example.org", "MODELS.example.org:8443", "models.example.org."),
        "",
    ],
)  # fmt: skip
def test_addresses_and_names_without_a_dot_and_those_that_are_given_are_ours(client, host):
    assert client.post(PREDICT, json={"inputs": ["good"]}, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.test", "evil.test:8000", "127.0.0.1.evil.test", "localhost.evil.test:80", "evil.localhost.test"),
        *("notmodels.example.org", "models.example.org.evil.test", "a.models.example.org", "example.org"),
        *("127.0.0.1@evil.test", "evil.test#localhost", "localhost:80:80", "[::1", "::1", "[evil.test]", "évil.test"),
        *("127.0.0.1:8000, evil.test", "evil.test/localhost", "0x7f.1"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("method", "path"), [("POST", PREDICT), ("GET", "/v1/models"), ("GET", "/")])
def test_a_name_that_somebody_lets_point_here_is_refused(client, host, method, path):
    reply = client.request(method, path, headers={"Host": host.encode()})
    assert reply.status_code == 403
    assert reply.json()["error_type"] == "Forbidden"
    assert "TESSERA_HOSTS" in reply.json()["error"]
    assert len(reply.json()["error"]) < 200


def test_of_two_hosts_both_must_be_ours(client):
    for hosts in (("localhost", "evil.test"), ("evil.test", "localhost")):
        assert client.get("/v1/models", headers=[("Host", host) for host in hosts]).status_code == 403


def test_a_star_means_any(engine):
    with TestClient(create_app(engine, Telemetry(), Limits(), hosts=["*"])) as client:
        assert client.get("/v1/models", headers={"Host": "evil.test"}).status_code == 200


def test_the_service_on_loopback_knows_its_names(models_dir):
    application, _ = build(Settings(models_dir=models_dir, device="cpu"))
    with TestClient(application) as client:
        assert client.get("/v1/models", headers={"Host": "127.0.0.1:8000"}).status_code == 200
        assert client.get("/v1/models", headers={"Host": "evil.test:8000"}).status_code == 403
