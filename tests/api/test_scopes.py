"""The scopes and models of keys: every route that there is, asked with a key of each scope and to other models."""

import logging
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from conftest import publish_sentiment
from every_route import every_route
from services import PREDICT
from shown import PIPELINE, publish_pipeline
from starlette.testclient import TestClient
from tiny_writer import ALIAS, WRITER, publish_writer, serving

from app.api.http.routes import Route
from app.keys import EVERYTHING, KeyRing, Scope, add_key

MODEL = "tiny-sentiment"

# Whatever stands first and fits: a path, or the beginning of paths, and what a key needs there.
NEEDS: dict[str, Scope | None] = {
    r"GET /(health.*|v2/health/(live|ready)|pages/.*|redoc)?": None,
    r"GET /metrics": "metrics",
    r"POST .*/(load|unload)": "admin",
    r"(POST|DELETE) /v1/models/.*/traffic": "admin",
    r"POST /v1/events": "events",
    r"DELETE /v1/users/.*": "admin",
    r"POST /v1/models/.*/(predict|explain)": "predict",
    r"GET /v1/models/.*/items": "predict",
    r"POST /v1/(chat/completions|completions|responses|embeddings|audio/\w+)": "predict",
    r"\w+ /v1/(batches|files)(/.*)?": "predict",
    r"POST /v2/models/.*/(infer|generate|generate_stream)": "predict",
    r"POST /hf/models/.*": "predict",
    r"POST /v2/repository/index": "read",
    r"GET /(v1|v2|hf)(/.*)?": "read",
}
WRITER_BODIES = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/completions": {"prompt": "hi"},
    "/v1/responses": {"input": "hi"},
}


ROUTES = [pytest.param(route, id=f"{route.method} {route.path}") for route in every_route()]


class Keyed(NamedTuple):
    client: TestClient
    secrets: dict[str, str]

    def ask(self, key: str, method: str, path: str, **options):
        return self.client.request(method, path, headers={"X-API-Key": self.secrets[key]}, **options)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    folder = tmp_path_factory.mktemp("keyed")
    publish_sentiment(folder / "models", folder / "scratch")
    publish_writer(folder / "models", folder / "scratch", aliases=[ALIAS], max_new_tokens=4)
    publish_pipeline(folder / "models", folder / "scratch")
    file = folder / "keys.json"
    secrets = {scope: add_key(file, scope, scopes=[scope]) for scope in EVERYTHING}
    secrets["everything"] = add_key(file, "everything", scopes=EVERYTHING)
    for name in (MODEL, WRITER, PIPELINE):
        secrets[f"only {name}"] = add_key(file, f"only-{name}", scopes=EVERYTHING, models=[name])
    with serving(folder / "models", keys=KeyRing(file)) as client:
        yield Keyed(client, secrets)


def path_of(route: Route, model: str = MODEL) -> str:
    names = {"model": model, "version": "1", "task": "text-classification", "picture": "x.png"}
    return re.sub(r"{([^}:]+)(:path)?}", lambda match: names.get(match[1], "x"), route.path)


def expected(route: Route) -> Scope | None:
    asked = f"{route.method} {route.path}"
    return next(needs for pattern, needs in NEEDS.items() if re.fullmatch(pattern, asked))


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_says_what_a_key_needs_there_and_it_is_what_stands_in_this_table(route: Route):
    assert route.is_open != (route.scope is not None), "a route is open, or it says its scope"
    assert route.needs == expected(route)


def test_a_route_that_does_not_say_is_for_administrators():
    assert Route("GET", "/new", print).needs == "admin"


CLOSED = [one for one in ROUTES if one.values[0].needs not in (None, "admin")]


@pytest.mark.parametrize("route", CLOSED)
def test_a_key_may_do_what_its_scopes_say_and_nothing_else(keyed: Keyed, route: Route):
    for scope in EVERYTHING:
        reply = keyed.ask(scope, route.method, path_of(route))
        if scope == route.scope:
            assert reply.status_code not in (401, 403)
        else:
            assert reply.status_code == 403
            assert f"this needs a key with the scope {route.scope}; the key {scope} has: {scope}" in reply.text
            assert reply.headers["x-request-id"] in reply.text


ADMIN = [one for one in ROUTES if one.values[0].needs == "admin"]


@pytest.mark.parametrize("route", ADMIN)
def test_whatever_only_an_administrator_may_do_is_audited_also_when_it_is_refused(keyed: Keyed, route: Route, caplog):
    caplog.set_level(logging.INFO, "app.audit")
    for scope in (*EVERYTHING, "admin"):
        keyed.client.request(
            route.method,
            path_of(route, "nobody"),
            headers={"X-API-Key": keyed.secrets[scope], "X-Request-Id": f"by-{scope}"},
        )
    told = [record.fields for record in caplog.records if record.name == "app.audit"]
    assert [one["who"] for one in told] == [*EVERYTHING, "admin"]
    assert {one["action"] for one in told} == {f"{route.method} {route.path}"}
    assert [one["outcome"] for one in told] == ["refused"] * (len(EVERYTHING) - 1) + ["failed"] * 2
    assert [one["request_id"] for one in told] == [f"by-{scope}" for scope in (*EVERYTHING, "admin")]
    # A line that outlives a user must not name him.
    assert {one.get("model", "") for one in told} == {"nobody" if "{model}" in route.path else ""}


def test_a_load_is_audited_with_the_version_that_answers_afterwards(keyed: Keyed, caplog):
    caplog.set_level(logging.INFO, "app.audit")
    assert keyed.ask("admin", "POST", f"/v1/models/{MODEL}/load").status_code == 200
    keyed.client.post(f"/v1/models/{MODEL}/load")
    done, refused = (record.fields for record in caplog.records if record.name == "app.audit")
    assert (done["outcome"], done["model"], done["version"], done["status"]) == ("done", MODEL, "1", 200)
    assert (refused["who"], refused["outcome"], refused["status"]) == ("testclient", "refused", 401)


FORMS = {
    PREDICT: lambda body: body["error_type"] == "Forbidden" and body["error"],
    f"/hf/models/{MODEL}": lambda body: body["error_type"] == "Forbidden" and body["error"],
    f"/v2/models/{MODEL}/infer": lambda body: body["error_type"] == "Forbidden" and body["error"],
    "/v1/chat/completions": lambda body: body["error"]["type"] == "permission_error" and body["error"]["message"],
}


@pytest.mark.parametrize("path", FORMS)
def test_a_refusal_has_the_form_of_the_dialect(keyed: Keyed, path: str):
    reply = keyed.ask("read", "POST", path)
    assert FORMS[path](reply.json()) == "this needs a key with the scope predict; the key read has: read"


def test_at_a_path_or_method_that_is_not_there_any_key_learns_so(keyed: Keyed):
    for scope in EVERYTHING:
        assert keyed.ask(scope, "GET", "/v1/nothing").status_code == 404
        assert keyed.ask(scope, "DELETE", PREDICT).status_code == 405
        assert keyed.ask(scope, "DELETE", "/v1/models").status_code == 405
        assert keyed.ask(scope, "HEAD", "/v1/models").status_code == (200 if scope == "read" else 403)
    assert keyed.client.delete("/v1/models").status_code == 401


WITH_MODEL = [one for one in ROUTES if "{model}" in one.values[0].path]


@pytest.mark.parametrize("route", WITH_MODEL)
def test_a_key_to_some_models_finds_no_other_at_any_path(keyed: Keyed, route: Route):
    sent = {"json": {"inputs": ["good"], "text_input": "good", "texts": ["a"], "query": "b", "messages": []}}
    there = keyed.ask(f"only {WRITER}", route.method, path_of(route), **(sent if route.method == "POST" else {}))
    nowhere = keyed.ask(
        f"only {WRITER}", route.method, path_of(route, "nobody"), **(sent if route.method == "POST" else {})
    )
    assert there.status_code == nowhere.status_code == 404
    assert f"no model '{MODEL}'" in there.text
    assert there.text.replace(MODEL, "nobody").replace(there.headers["x-request-id"], "") == nowhere.text.replace(
        nowhere.headers["x-request-id"], ""
    )


@pytest.mark.parametrize("path", WRITER_BODIES)
@pytest.mark.parametrize("name", [WRITER, ALIAS])
def test_a_model_that_a_body_names_is_found_by_keys_to_it_alone(keyed: Keyed, path: str, name: str):
    body = {**WRITER_BODIES[path], "model": name}
    assert keyed.ask(f"only {WRITER}", "POST", path, json=body).status_code == 200
    refused = keyed.ask(f"only {MODEL}", "POST", path, json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
    assert WRITER not in refused.text.replace(f"'{WRITER}'", "")


def test_embeddings_and_recordings_name_their_model_in_the_body_too(keyed: Keyed):
    key = f"only {WRITER}"
    asked = keyed.ask(key, "POST", "/v1/embeddings", json={"model": MODEL, "input": "a"})
    assert (asked.status_code, asked.json()["error"]["code"]) == (404, "model_not_found")
    files = {"file": ("a.wav", b"RIFF", "audio/wav")}
    for path in ("transcriptions", "translations"):
        asked = keyed.ask(key, "POST", f"/v1/audio/{path}", data={"model": MODEL}, files=files)
        assert (asked.status_code, asked.json()["error"]["code"]) == (404, "model_not_found")


def test_lists_have_only_the_models_of_the_key(keyed: Keyed):
    key = f"only {MODEL}"
    listed = keyed.ask(key, "GET", "/v1/models").json()
    assert [one["name"] for one in listed["models"]] == [one["id"] for one in listed["data"]] == [MODEL]
    assert [one["name"] for one in keyed.ask(key, "POST", "/v2/repository/index").json()] == [MODEL]
    statistics = keyed.ask(key, "GET", "/v2/models/stats").json()
    assert {one["name"] for one in statistics["model_stats"]} == {MODEL}
    everything = {one["name"] for one in keyed.ask("everything", "GET", "/v1/models").json()["models"]}
    assert everything >= {MODEL, WRITER, PIPELINE, "head"}


def test_whoever_may_use_a_pipeline_may_use_it_whole(keyed: Keyed):
    key = f"only {PIPELINE}"
    card = keyed.ask(key, "GET", f"/v1/models/{PIPELINE}").json()
    assert {step["model"] for step in card["steps"]} == {"photo-features", "head"}
    with open("app/tasks/cat.jpg", "rb") as photo:
        asked = keyed.ask(key, "POST", f"/v1/models/{PIPELINE}/predict", content=photo.read())
    assert asked.status_code == 200
    assert keyed.ask(key, "POST", "/v1/models/head/predict", json={"inputs": []}).status_code == 404
