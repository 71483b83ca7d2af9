import pytest

PATHS = [
    "/",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/health/live",
    "/health/ready",
    "/pages/main.js",
    "/static-offline-docs/swagger-ui.css",
    "/v1/models",
    "/v1/models/tiny-sentiment",
    "/v1/models/nobody",
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/tiny-sentiment",
    "/v2/models/tiny-sentiment/ready",
    "/v2/models/tiny-sentiment/config",
    "/hf/models/tiny-sentiment/info",
    "/hf/models/tiny-sentiment/health",
    "/nothing",
]
OF_THIS_ANSWER = {"x-request-id", "date", "server-timing"}


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_the_body(client, path):
    id_ = {"X-Request-Id": "the-same"}
    got, asked = client.get(path, headers=id_), client.head(path, headers=id_)
    assert asked.status_code == got.status_code
    assert {**asked.headers} == {**got.headers}
    assert asked.content == b""
    assert got.content


def test_the_list_above_has_every_kind_of_path_that_can_be_read(client):
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        if "get" in operations and "{" not in path:
            assert client.head(path).status_code == client.get(path).status_code, path


def test_head_is_counted_under_its_route(client):
    client.head("/v1/models/tiny-sentiment")
    metrics = client.get("/metrics").text
    assert 'tessera_requests_total{method="HEAD",route="/v1/models/{model}",status="200"}' in metrics


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("HEAD", "/v1/models/tiny-sentiment/predict", "POST"),
        ("GET", "/v1/models/tiny-sentiment/predict", "POST"),
        ("HEAD", "/v1/models/tiny-sentiment/load", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("DELETE", "/health/live", "GET, HEAD"),
    ],
)
def test_what_is_not_allowed_names_what_is(client, method, path, allowed):
    reply = client.request(method, path)
    assert reply.status_code == 405
    assert reply.headers["allow"] == allowed
