"""The native dialect: its routes, under three headings."""

from functools import partial

from starlette.responses import Response

from app.api.documented import body_read_by_hand
from app.api.given import Given
from app.api.http.routes import DirectRoute, Handler, Section, typed
from app.api.v1 import described, models, paths, traffic
from app.api.v1.errors import tell
from app.api.v1.events import BODY_BYTES, forget_user, store_events
from app.api.v1.predict import explain, predict

get, post, delete = (partial(typed, method, tell=tell) for method in ("GET", "POST", "DELETE"))
FAILURES = (404, 413, 415, 422, 429, 500, 503, 504)  # of whoever asks a model


def predicting(given: Given) -> Section:
    route = _asking(given, predict(given))
    describe = partial(described.predict, given.limits.max_items)
    routes = (route(paths.PREDICT, describe=describe), route(paths.PREDICT_VERSION))
    return Section("predict", "Ask a model", routes)


def explaining(given: Given) -> Section:
    route = _asking(given, explain(given))
    describe = partial(described.explain, given.limits.max_items)
    routes = (route(paths.EXPLAIN, describe=describe), route(paths.EXPLAIN_VERSION))
    return Section("explain", "Ask why a model answers as it does", routes)


def _asking(given: Given, handler: Handler) -> partial[DirectRoute]:
    return partial(
        DirectRoute,
        "POST",
        handler=handler,
        statuses=FAILURES,
        tell=tell,
        body_bytes=given.body_bytes,
        scope="predict",
    )


def learning(given: Given) -> Section:
    route = partial(DirectRoute, tell=tell)
    routes = (
        route(
            "POST",
            paths.EVENTS,
            store_events(given),
            (413, 415, 422, 429, 501, 503, 504),
            operation=described.store_events(),
            body_bytes=lambda scope: min(BODY_BYTES, given.limits.max_body_bytes),
            scope="events",
        ),
        route(
            "DELETE",
            paths.USER,
            forget_user(given),
            (422, 501, 503),
            operation=described.forget_user(),
            scope="admin",
        ),
    )
    return Section("events", "What people did, and what they think of answers", routes)


def telling(given: Given) -> Section:
    markdown = {"content": {"text/markdown": {"schema": {"type": "string"}}}, "description": "Markdown"}
    png = {"content": {"image/png": {}}, "description": "PNG"}
    routes = (
        get(paths.MODELS, models.list_models, scope="read", summary="What is served, and its state"),
        get(
            paths.MODEL,
            models.describe_model,
            404,
            scope="read",
            summary="The card of one model: quality, data, licence, limits, state of its versions",
        ),
        get(
            paths.CARD,
            models.read_card,
            404,
            scope="read",
            summary="The same as a page with pictures",
            response_class=Response,
            responses={200: markdown},
        ),
        get(
            paths.PICTURE,
            models.read_card_picture,
            404,
            scope="read",
            summary="A picture of the card",
            response_class=Response,
            responses={200: png},
        ),
        get(
            paths.ITEMS,
            models.find_items,
            404,
            422,
            503,
            scope="predict",  # the model is asked
            summary="Search the titles that a recommending model knows",
        ),
        post(
            paths.LOAD,
            models.load_model,
            404,
            409,
            503,
            scope="admin",
            summary="Bring a model to the newest version in the repository",
        ),
        get(
            paths.TRAFFIC,
            traffic.read_traffic,
            404,
            503,
            scope="read",
            summary="Which version answers whom, and how each does",
        ),
        post(
            paths.TRAFFIC,
            traffic.change_traffic,
            404,
            409,
            422,
            503,
            scope="admin",
            summary="Divide the callers of a model among its versions",
            openapi_extra=body_read_by_hand(traffic.TrafficChange, traffic.EXAMPLE),
        ),
        delete(
            paths.TRAFFIC,
            traffic.end_traffic,
            404,
            503,
            scope="admin",
            summary="End canary and shadow: the default answers everyone",
        ),
    )
    return Section("models", "What is served, how good it is, and newer versions", routes)
