"""The four models that `make serve` serves, in a process of their own, asked by many at once."""

import asyncio
import base64
import io
import json
import struct
import zlib
from typing import Any

import httpx
import numpy as np
import pytest
import skimage.data
import sklearn.datasets
from PIL import Image
from services import Service

IMAGENET, REVIEWS = "/v1/models/imagenet-efficientnet/predict", "/v1/models/reviews-sentiment/predict"
SERIES = "/v1/models/time-series-forecaster/predict"
ARTICLES, FILMS = "/v1/models/article-summarizer/predict", "/v1/models/movielens-recommender/predict"

SCIENCE_FICTION = ["Star Wars (1977)", "Alien (1979)", "Blade Runner (1982)", "Terminator, The (1984)", "Aliens (1986)"]
ARTICLE = (
    "The city council of Harwick voted on Tuesday to turn the disused railway line along the river into a public path. "
    "The line has been closed since 1987, when the last paper mill shut down. "
    "Work will begin in March and cost 4.2 million pounds, most of it paid by a national fund for walking and cycling. "
    "Councillor Maria Odell said that the path would connect three schools with the town centre. "
    "Some residents had feared that trees would be felled. "
    "The final plan keeps all but eleven of the four hundred trees along the track. "
    "A petition with 6,000 names had asked for the path since 2015. "
    "It was delivered by pupils of the river school, who had counted 800 bicycles a day on the main road. "
    "The path will open in sections, the first in the summer of next year. "
    "Shops in the old station will be let to local businesses at a reduced rent."
)


def jpeg(image: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(image, np.uint8)).save(buffer, "JPEG", **{"quality": 90, **options})
    return buffer.getvalue()


CAT = jpeg(skimage.data.chelsea())
COFFEE = jpeg(skimage.data.coffee())
TEMPLE = jpeg(sklearn.datasets.load_sample_image("china.jpg"))


def item(content: bytes) -> dict[str, str]:
    return {"image": base64.b64encode(content).decode()}


def post(default_service: Service, path: str, inputs: list[Any], **parameters: Any) -> list[Any]:
    reply = httpx.post(default_service.url + path, json={"inputs": inputs, "parameters": parameters}, timeout=60)
    assert reply.status_code == 200, reply.text
    outputs: list[Any] = reply.json()["outputs"]
    return outputs


def test_photos_get_the_right_class(default_service):
    cat, coffee, temple = post(default_service, IMAGENET, [item(CAT), item(COFFEE), item(TEMPLE)], top_k=3)
    assert cat[0]["label"] in {"tabby, tabby cat", "tiger cat", "Egyptian cat"}
    assert coffee[0]["label"] in {"espresso", "cup", "coffee mug"}
    assert any(word in temple[0]["label"] for word in ("palace", "temple", "monastery", "bell cote", "stupa"))


def test_a_photo_may_come_as_json_as_a_file_or_as_it_is(default_service):
    (as_json,) = post(default_service, IMAGENET, [item(CAT)], top_k=2)
    raw = httpx.post(f"{default_service.url}{IMAGENET}?top_k=2", content=CAT, headers={"Content-Type": "image/jpeg"})
    files = [("file", ("cat.jpg", CAT, "image/jpeg")), ("file", ("cup.jpg", COFFEE, "image/jpeg"))]
    uploaded = httpx.post(default_service.url + IMAGENET, files=files, data={"top_k": "2"})
    in_json = httpx.post(default_service.url + IMAGENET, files=files[:1], data={"parameters": '{"top_k": 2}'})
    assert raw.json()["outputs"] == [as_json]
    assert uploaded.json()["outputs"][0] == as_json
    assert len(uploaded.json()["outputs"]) == 2
    assert in_json.json()["outputs"] == [as_json]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("An absolutely wonderful film, I loved every minute of it.", "positive"),
        ("Terrible default_service, cold food, and nobody apologised.", "negative"),
        ("The plot is not good at all and the acting is worse.", "negative"),
        ("Not bad at all, I would happily buy it again.", "positive"),
        ("I expected to love it, but it broke after two days and support ignored me.", "negative"),
    ],
)
def test_reviews_get_the_right_sentiment(default_service, text, label):
    (labels,) = post(default_service, REVIEWS, [text])
    assert labels[0]["label"] == label
    assert sum(each["score"] for each in labels) == pytest.approx(1, abs=1e-5)


def test_a_review_of_mixed_feelings_is_not_surely_positive_or_negative(default_service):
    text = "The food was great but the service was terribly slow and the room was loud."
    (labels,) = post(default_service, REVIEWS, [text])
    assert labels[0]["score"] < 0.97


def test_an_article_is_summed_up_by_its_own_sentences(default_service):
    (summary,) = post(default_service, ARTICLES, [ARTICLE], max_sentences=3)
    assert len(summary["sentences"]) == 3
    for sentence in summary["sentences"]:
        assert ARTICLE[sentence["start"] : sentence["end"]] == sentence["text"]
    assert summary["summary_text"] == " ".join(sentence["text"] for sentence in summary["sentences"])
    assert "path" in summary["summary_text"]


def test_five_science_fiction_films_lead_to_more_of_them(default_service):
    (films,) = post(default_service, FILMS, [{"history": SCIENCE_FICTION}], top_k=10)
    assert len(films) == 10
    assert not {film["title"] for film in films} & set(SCIENCE_FICTION)
    assert sum("Sci-Fi" in film["genres"] for film in films) >= 4
    assert [film["score"] for film in films] == sorted((film["score"] for film in films), reverse=True)


def test_an_event_of_a_second_ago_changes_the_recommendations(default_service):
    before, after = post(
        default_service, FILMS, [{"history": SCIENCE_FICTION}, {"history": [*SCIENCE_FICTION, "Lion King, The (1994)"]}]
    )
    assert [film["item"] for film in before] != [film["item"] for film in after]


def test_a_newcomer_gets_what_is_popular_and_an_unknown_film_is_named(default_service):
    (popular,) = post(default_service, FILMS, [{"history": []}])
    assert len(popular) == 10
    unknown = {"inputs": [{"history": ["Star Wars (1977)", "No Such Film (1999)"]}]}
    reply = httpx.post(default_service.url + FILMS, json=unknown)
    assert reply.status_code == 422
    assert "No Such Film (1999)" in reply.json()["error"]
    assert reply.json()["details"][0]["loc"] == ["inputs", 0, "history", 1]
    ignored = httpx.post(default_service.url + FILMS, json={**unknown, "parameters": {"unknown": "ignore"}})
    assert ignored.status_code == 200


def mixed_requests() -> list[tuple[str, dict[str, Any]]]:
    photos, texts = (
        [CAT, COFFEE, TEMPLE],
        ["I love it", "not what I hoped for at all " * 6, "it is a table", ARTICLE[:300]],
    )
    requests: list[tuple[str, dict[str, Any]]] = []
    for i in range(50):
        requests += [
            (IMAGENET, {"inputs": [item(photos[i % 3])], "parameters": {"top_k": 1000}}),
            (REVIEWS, {"inputs": [texts[i % 4], texts[(i + 1) % 4]]}),
            (ARTICLES, {"inputs": [ARTICLE]}),
            (FILMS, {"inputs": [{"history": SCIENCE_FICTION[: i % 6]}]}),
        ]
    return requests


# Graphs in fp32 agree to rounding, and so does the sentiment model, whose rows are run one by one. The int8 classifier
# has float layers, whose rounding may differ with the size of a batch and move an activation by one step of 1/255.
TOLERANCE = {IMAGENET: 0.02, REVIEWS: 1e-5, ARTICLES: 1e-5, FILMS: 1e-5}


def differences(alone: Any, together: Any) -> float:
    """The largest difference of any number; labels are matched by name, since near ties may swap places."""
    if isinstance(alone, list) and alone and isinstance(alone[0], dict) and "label" in alone[0]:
        by_label = {each["label"]: each["score"] for each in together}
        return max(abs(each["score"] - by_label[each["label"]]) for each in alone)
    if isinstance(alone, dict):
        assert alone.keys() == together.keys()
        return max(differences(alone[key], together[key]) for key in alone)
    if isinstance(alone, list):
        assert len(alone) == len(together)
        return max((differences(a, b) for a, b in zip(alone, together, strict=True)), default=0.0)
    if isinstance(alone, float):
        return abs(alone - together)
    assert alone == together
    return 0.0


def test_two_hundred_mixed_requests_at_once_get_the_answers_they_get_alone(default_service):
    requests = mixed_requests()
    distinct = {json.dumps(request): request for request in requests}
    alone = {
        key: httpx.post(default_service.url + path, json=body, timeout=60).json()["outputs"]
        for key, (path, body) in distinct.items()
    }

    async def all_at_once() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=200)
        patience = {"X-Request-Timeout-Ms": "240000"}  # on a busy machine, what is not surely in time is refused
        async with httpx.AsyncClient(
            base_url=default_service.url, timeout=240, limits=limits, headers=patience
        ) as client:
            return await asyncio.gather(*(client.post(path, json=body) for path, body in requests))

    replies = asyncio.run(all_at_once())
    assert [reply.status_code for reply in replies] == [200] * 200
    for request, reply in zip(requests, replies, strict=True):
        assert differences(alone[json.dumps(request)], reply.json()["outputs"]) <= TOLERANCE[request[0]], request[0]


def test_a_forecast_has_the_season_and_the_trend_of_its_series(default_service):
    six_years = [100 + month / 2 + 20 * (month % 12 == 11) for month in range(72)]
    (forecast,) = post(default_service, SERIES, [six_years], horizon=12, quantiles=[0.1, 0.9])
    assert np.argmax(forecast["median"]) == 11
    assert np.mean(forecast["median"]) == pytest.approx(100 + (72 + 5.5) / 2 + 20 / 12, rel=0.03)
    assert all(
        low <= middle <= high
        for low, middle, high in zip(
            forecast["quantiles"]["0.1"], forecast["median"], forecast["quantiles"]["0.9"], strict=True
        )
    )


def png_bomb(side: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    row = zlib.compress(b"\0" * (side + 1) * 100, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", row) + chunk(b"IEND", b"")


BAD = [
    pytest.param(IMAGENET, {"content": CAT[: len(CAT) // 2]}, 422, "truncated or damaged", id="truncated jpeg"),
    pytest.param(IMAGENET, {"content": jpeg([[[0, 0, 0]]])}, 422, "1 x 1 pixels", id="1x1 image"),
    pytest.param(IMAGENET, {"content": png_bomb(20_000)}, 422, "20000 x 20000 pixels", id="png bomb"),
    pytest.param(IMAGENET, {"content": b"Dear Sir or Madam"}, 422, "not an image we can read", id="text as image"),
    pytest.param(IMAGENET, {"json": {"inputs": [{"image": "§§§"}]}}, 422, "not valid base64", id="bad base64"),
    pytest.param(REVIEWS, {"content": b'{"inputs": ["a",'}, 422, "not valid JSON", id="invalid json"),
    pytest.param(REVIEWS, {"json": {"inputs": [{"text": ["a"]}]}}, 422, "inputs.0.text", id="wrong type"),
    pytest.param(REVIEWS, {"json": {"inputs": ["word " * 700_000]}}, 422, "3500000 characters", id="3.5 MB of text"),
    pytest.param(REVIEWS, {"json": {"inputs": ["word " * 4_000_000]}}, 413, "4000000 bytes", id="20 MB of text"),
    pytest.param(REVIEWS, {"json": {"inputs": ["word " * 600]}}, 422, "602 tokens", id="too many tokens"),
    pytest.param(FILMS, {"json": {"inputs": [{"history": [True]}]}}, 422, "inputs.0.history.0", id="wrong item"),
    pytest.param(SERIES, {"json": {"inputs": [[1, 2, None]]}}, 422, "inputs.0.values.2", id="a gap in a series"),
    pytest.param(SERIES, {"json": {"inputs": [[1, 2, 3]]}}, 422, "has 3 values", id="a series that is too short"),
    pytest.param(
        "/v1/models/nobody/predict", {"json": {"inputs": ["a"]}}, 404, "no model 'nobody'", id="unknown model"
    ),
    pytest.param(
        "/v1/models/reviews-sentiment/versions/99/predict",
        {"json": {"inputs": ["a"]}},
        404,
        "no version 99",
        id="version",
    ),
]


@pytest.mark.parametrize(("path", "body", "status", "says"), BAD)
def test_a_bad_request_gets_its_own_clear_error_and_its_neighbour_its_answer(default_service, path, body, status, says):
    headers = {"Content-Type": "image/jpeg"} if path == IMAGENET and "content" in body else {}

    async def both() -> tuple[httpx.Response, httpx.Response]:
        async with httpx.AsyncClient(base_url=default_service.url, timeout=60) as client:
            good = client.post(IMAGENET, json={"inputs": [item(COFFEE)]})
            bad = client.post(path, **body, headers=headers)
            return await asyncio.gather(good, bad)

    good, bad = asyncio.run(both())
    assert bad.status_code == status, bad.text
    assert says in bad.json()["error"]
    assert good.status_code == 200


def test_every_example_of_the_openapi_page_runs_as_it_stands(default_service):
    document = httpx.get(f"{default_service.url}/openapi.json").json()
    paths = [path for path in document["paths"] if path.endswith("/predict")]
    assert len(paths) == len(httpx.get(f"{default_service.url}/v1/models").json()["models"])
    for path in paths:
        example = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        reply = httpx.post(default_service.url + path, json=example, timeout=60)
        assert reply.status_code == 200, reply.text


def test_titles_are_searched_for_and_what_is_found_can_be_asked_about(default_service: Service):
    items = f"{default_service.url}{FILMS.replace('predict', 'items')}"
    reply = httpx.get(items, params={"query": "star w", "limit": 3})
    titles = [each["title"] for each in reply.json()["items"]]
    assert titles[0] == "Star Wars (1977)"
    picks = [each["item"] for each in reply.json()["items"]]
    assert httpx.post(f"{default_service.url}{FILMS}", json={"inputs": [picks]}).status_code == 200
