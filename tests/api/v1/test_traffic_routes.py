"""Rules on traffic over HTTP: how they are set, told and refused, and that they hold in every dialect."""

import json

import pytest
from conftest import ready
from engines import FarEngine
from versions_that_tell import NAME, publish_telling, traffic_engine
from waiting import eventually

from app.api.app import create_app
from app.api.http.limits import Limits
from app.telemetry import Telemetry

TRAFFIC = f"/v1/models/{NAME}/traffic"
LIMITS = Limits(max_body_bytes=100_000, max_items=8, request_timeout_s=10)


@pytest.fixture(scope="module")
def divided(tmp_path_factory):
    """A client of a service with three versions, whose engine is far away."""
    root = tmp_path_factory.mktemp("divided")
    publish_telling(root / "models", root / "scratch", 3)
    telemetry = Telemetry()
    engine = traffic_engine(root / "models", telemetry)
    with ready(create_app(FarEngine(engine), telemetry, LIMITS, traffic=engine)) as client:
        client.root = root / "models"
        yield client


@pytest.fixture(autouse=True)
def undivided(request):
    yield
    if "divided" in request.fixturenames:
        client = request.getfixturevalue("divided")
        assert client.post(TRAFFIC, json={"default": "newest"}).json()["rule"] is None


def asked(client, path=f"/v1/models/{NAME}/predict", body=None, **headers):
    """The version that answered, by its header and by what it says, which are the same."""
    reply = client.post(path, json=body or {"inputs": ["good"]}, headers=headers)
    assert reply.status_code == 200, reply.text
    version = reply.headers["x-model-version"]
    assert f"good-{version}" in reply.text or "/v2/" in path
    return int(version)


def subjects(client, number=30, **terms):
    return [asked(client, **terms, **{"X-Tessera-Subject": f"user-{i}"}) for i in range(number)]


def test_a_rule_is_told_with_the_figures_of_each_version_side_by_side(divided):
    before = divided.get(TRAFFIC).json()
    assert before == {
        "model": NAME, "default": 3, "rule": None, "since": None, "versions": [], "problem": "",
    }  # fmt: skip
    rule = {"canary": {"version": 3, "share": 0.5}, "shadow": {"version": 1}}
    told = divided.post(TRAFFIC, content=json.dumps(rule)).json()  # as curl sends it, without a Content-Type
    assert told["default"] == 2
    assert told["rule"] == {
        "default": 2, "canary": {"version": 3, "share": 0.5, "by": "caller"}, "shadow": {"version": 1, "share": 1.0},
    }  # fmt: skip
    versions = subjects(divided)
    assert set(versions) == {2, 3}
    eventually(lambda: by_role(divided)["shadow"]["shadow"]["compared"] + dropped(divided) == versions.count(2))
    default, canary = (by_role(divided)[role] for role in ("default", "canary"))
    assert (default["requests"], canary["requests"]) == (versions.count(2), versions.count(3))
    assert default["share"] + canary["share"] == pytest.approx(1)
    assert canary["latency_ms"].keys() == {"p50", "p95", "p99"}
    assert (canary["failures"], canary["errors"], canary["is_ready"], canary["state"]) == (0, {}, True, "ready")
    metrics = divided.get("/metrics").text
    assert f'tessera_traffic_seconds_count{{model="{NAME}",role="canary",version="3"}}' in metrics
    ended = divided.delete(TRAFFIC).json()
    assert (ended["default"], ended["rule"]) == (2, {"default": 2, "canary": None, "shadow": None})
    assert set(subjects(divided)) == {2}


def by_role(client):
    return {one["role"]: one for one in client.get(TRAFFIC).json()["versions"]}


def dropped(client):
    return sum(by_role(client)["shadow"]["shadow"]["dropped"].values())


def test_every_dialect_asks_the_version_that_the_asker_is_of(divided):
    divided.post(TRAFFIC, json={"canary": {"version": 3, "share": 0.5}})
    native = subjects(divided)
    assert set(native) == {2, 3}
    assert subjects(divided, path=f"/hf/models/{NAME}", body={"inputs": "good"}) == native
    ids = {"shape": [1, 1], "datatype": "INT64", "data": [2]}
    tensors = {"inputs": [{"name": name, **ids} for name in ("input_ids", "attention_mask")]}
    assert subjects(divided, path=f"/v2/models/{NAME}/infer", body=tensors) == native


def test_who_names_a_version_is_answered_by_it(divided):
    divided.post(TRAFFIC, json={"default": 2, "canary": {"version": 3, "share": 1.0}})
    assert asked(divided) == 3
    assert asked(divided, path=f"/v1/models/{NAME}/versions/2/predict") == 2


def test_by_request_one_caller_is_answered_by_both(divided):
    divided.post(TRAFFIC, json={"canary": {"version": 3, "share": 0.5, "by": "request"}})
    same = {"X-Request-Id": "always-the-same"}
    assert len({asked(divided, **same) for _ in range(5)}) == 1
    assert {asked(divided, **{"X-Request-Id": f"request-{i}"}) for i in range(30)} == {2, 3}


def test_a_default_is_what_the_card_tells(divided):
    divided.post(TRAFFIC, json={"default": 1})
    assert divided.get(f"/v1/models/{NAME}").json()["version"] == 1
    assert asked(divided) == 1


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ('{"canary": {"version": 3, "share": 1.5}}', ["canary", "share"]),
        ('{"canary": {"version": 3, "share": -0.1}}', ["canary", "share"]),
        ('{"canary": {"version": 3, "share": true}}', ["canary", "share"]),
        ('{"canary": {"version": 3}}', ["canary", "share"]),
        ('{"canary": {"version": "3", "share": 0.5}}', ["canary", "version"]),
        ('{"canary": {"version": 3, "share": 0.5, "by": "chance"}}', ["canary", "by"]),
        ('{"canary": {"version": 9, "share": 0.5}}', ["canary", "version"]),
        ('{"default": 3, "canary": {"version": 3, "share": 0.5}}', ["canary", "version"]),
        ('{"default": "oldest"}', ["default"]),
        ('{"default": 0}', ["default"]),
        ('{"shadow": {"version": 2, "by": "caller"}}', ["shadow", "by"]),
        ('{"pin": 3}', ["pin"]),
        ("{", []),
        ("[]", []),
    ],
)
def test_what_is_no_rule_is_refused_where_it_is_wrong(divided, body, where):
    reply = divided.post(TRAFFIC, content=body)
    assert (reply.status_code, reply.json()["details"][0]["loc"]) == (422, where)
    assert divided.get(TRAFFIC).json()["rule"] is None


def test_an_unknown_model_has_no_traffic(divided):
    for reply in (divided.get("/v1/models/x/traffic"), divided.delete("/v1/models/x/traffic"),
                  divided.post("/v1/models/x/traffic", content="{")):  # fmt: skip
        assert (reply.status_code, reply.json()["error_type"]) == (404, "ModelNotFound")


def test_a_folder_that_cannot_be_written_to_is_told(divided, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr("app.repository.traffic.write_whole", refuse)
        reply = divided.post(TRAFFIC, json={"default": 2})
    assert (reply.status_code, reply.json()["error_type"]) == (503, "NotWritable")
    assert "Read-only file system" in reply.json()["error"]
    assert asked(divided) == 3


def test_an_engine_without_rules_says_so(kept_client):
    assert kept_client.get(TRAFFIC).status_code == 503
