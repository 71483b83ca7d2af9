import pytest
from conftest import publish_sentiment, ready

from app.api.app import create_app
from app.api.http.limits import Limits
from app.telemetry import Telemetry


@pytest.fixture
def crowded(engine, models_dir, tmp_path):
    for i in range(6):
        publish_sentiment(models_dir, tmp_path / "scratch", f"shop-{i}")
    with ready(create_app(engine, Telemetry(), Limits())) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/models/shop-33/predict", "no model 'shop-33'; of 7 the nearest: shop-3, {}; GET /v1/models lists all"),
        ("/hf/models/shop-33", "no model 'shop-33'; of 7 the nearest: shop-3, {}; GET /v1/models lists all"),
        (
            "/v2/models/shop-33/infer",
            "Request for unknown model: no model 'shop-33'; of 7 the nearest: shop-3, {}; "
            "POST /v2/repository/index lists all",
        ),
    ],
)
def test_of_many_models_a_404_names_the_nearest_and_where_all_are_listed(crowded, path, words):
    reply = crowded.post(path, json={"inputs": ["x"]})
    assert reply.status_code == 404
    before, after = words.split("{}")
    assert reply.json()["error"].startswith(before)
    assert reply.json()["error"].endswith(after)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/models/{}"),
        ("GET", "/v2/models/{}/ready"),
        ("GET", "/v2/models/{}/config"),
        ("GET", "/v2/models/{}/stats"),
        ("POST", "/v2/models/{}/infer"),
        ("POST", "/v2/repository/models/{}/load"),
        ("POST", "/v2/repository/models/{}/unload"),
    ],
)
def test_the_open_inference_protocol_says_it_in_tritons_words(client, method, path):
    reply = client.request(method, path.format("nobody"))
    assert reply.status_code == 404
    assert reply.json()["error"] == "Request for unknown model: no model 'nobody'; there are: tiny-sentiment"
    unknown_version = client.get("/v2/models/tiny-sentiment/versions/7")
    assert unknown_version.json()["error"].startswith("Request for unknown model: no version 7 of model tiny-sentiment")


LONG = "n" * 60_000


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"/v1/models/{LONG}/predict"),
        ("POST", f"/hf/models/{LONG}"),
        ("POST", f"/hf/models/tiny-sentiment/pipeline/{LONG}"),
        ("POST", f"/v2/models/{LONG}/infer"),
        ("GET", f"/v1/models/{LONG}"),
        ("GET", f"/v1/models/tiny-sentiment/card/{LONG}"),
        ("GET", f"/v1/models/tiny-sentiment/items?limit={LONG}"),
        ("GET", f"/v2/models/tiny-sentiment/versions/{LONG}"),
        ("GET", f"/{LONG}"),
        ("POST", f"/v1/models/tiny-sentiment/predict?{LONG}=1"),
        ("POST", f"/hf/models/tiny-sentiment?{LONG}=1"),
    ],
)
def test_a_name_of_any_length_comes_back_cut_and_in_no_header(client, method, path):
    reply = client.request(method, path, **({"json": {"inputs": ["x"]}} if method == "POST" else {}))
    assert 400 <= reply.status_code < 500
    assert max(len(value) for value in reply.headers.values()) <= 500
    assert len(reply.json()["error"]) <= 2000
