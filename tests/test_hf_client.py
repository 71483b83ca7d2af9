# ruff: noqa: E501  (a table reads better in one line a case)
"""The default models, asked by the real `huggingface_hub` over real sockets.

Long, since it is a table of what the client can ask.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import numpy as np
import onnxruntime
import pytest
from huggingface_hub import (
    AsyncInferenceClient,
    ImageClassificationOutputElement,
    InferenceClient,
    SummarizationOutput,
    TextClassificationOutputElement,
)
from huggingface_hub.errors import HfHubHTTPError
from PIL import Image
from services import MODELS, Service, publish_slow
from test_default_models import ARTICLE, CAT, COFFEE, TEMPLE
from tokenizers import Tokenizer
from waiting import eventually

CATS = {"tabby, tabby cat", "tiger cat", "Egyptian cat"}
PHOTOS, REVIEWS, ARTICLES = "imagenet-efficientnet", "reviews-sentiment", "article-summarizer"
FEATURES, SIMILARITY = f"{ARTICLES}/pipeline/feature-extraction", f"{ARTICLES}/pipeline/sentence-similarity"
GLAD = "An absolutely wonderful film, I loved every minute of it."


@pytest.fixture
def client(default_service: Service) -> Callable[..., InferenceClient]:
    return lambda name, **options: InferenceClient(model=f"{default_service.url}/hf/models/{name}", **options)


def test_a_photo_may_be_bytes_a_path_or_an_open_file(client, tmp_path):
    path = tmp_path / "cat.jpg"
    path.write_bytes(CAT)
    ask = client(PHOTOS).image_classification
    from_bytes = ask(CAT)
    assert from_bytes[0].label in CATS
    assert len(from_bytes) == 5
    assert [each.label for each in ask(str(path))] == [each.label for each in from_bytes]
    assert ask(path.read_bytes(), top_k=2)[0].score == pytest.approx(from_bytes[0].score)


def test_a_pil_image_is_sent_as_the_file_that_it_is_saved_as(client):
    # This version of the client refuses the object itself before anything is sent.
    buffer = io.BytesIO()
    Image.open(io.BytesIO(CAT)).save(buffer, "WEBP")
    assert client(PHOTOS).image_classification(buffer.getvalue())[0].label in CATS


def test_a_photo_with_parameters_gets_what_it_gets_without(client):
    ask = client(PHOTOS).image_classification
    assert ask(CAT, top_k=5, function_to_apply="softmax") == ask(CAT)
    assert len(ask(CAT, top_k=3)) == 3
    assert len(ask(CAT, top_k=5000)) == 1000


def test_all_labels_of_a_text_are_parsed(client):
    labels = client(REVIEWS).text_classification(GLAD)
    assert labels[0].label == "positive"
    assert sum(each.score for each in labels) == pytest.approx(1)
    assert len(client(REVIEWS).text_classification(GLAD, top_k=2)) == 2


def test_scores_follow_the_function_that_is_asked_for(client):
    def scores(function: str) -> dict[str, float]:
        labels = client(REVIEWS).text_classification(GLAD, function_to_apply=function)
        return {each.label: each.score for each in labels}

    logits = np.array(list(scores("none").values()))
    assert (logits < 0).any()
    assert list(scores("sigmoid").values()) == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-5)
    assert list(scores("softmax").values()) == pytest.approx(np.exp(logits) / np.exp(logits).sum(), abs=1e-5)


def test_an_article_is_summed_up_within_the_asked_length(client):
    ask = client(ARTICLES).summarization
    assert len(ask(ARTICLE).sentences) == 3
    assert ask(ARTICLE).summary_text == ask(ARTICLE, truncation="longest_first").summary_text
    tokenizer = Tokenizer.from_file(str(MODELS / ARTICLES / "1" / "tokenizer.json"))
    tokenizer.no_padding()
    for name in ("max_new_tokens", "max_length"):
        summary = ask(ARTICLE, generate_parameters={name: 60}).summary_text
        assert 0 < len(tokenizer.encode(summary, add_special_tokens=False).ids) <= 60
    assert len(ask(ARTICLE, generate_parameters={"max_sentences": 2}).sentences) == 2


def test_a_book_is_refused_unless_it_may_be_cut(client):
    book = "The rain fell on the town all day. " * 4100
    with pytest.raises(HfHubHTTPError, match="4100 sentences"):
        client(ARTICLES).summarization(book)
    with pytest.raises(HfHubHTTPError, match="4100 sentences"):
        client(ARTICLES).summarization(book, truncation="do_not_truncate")
    patient = client(ARTICLES, headers={"X-Request-Timeout-Ms": "120000"})
    assert patient.summarization(book, truncation="only_first").summary_text


@pytest.mark.parametrize("name", [ARTICLES, FEATURES])
def test_a_text_becomes_a_vector_of_length_one_and_a_list_becomes_a_matrix(client, name):
    ask = client(name).feature_extraction
    one, two = ask("The ferry leaves at seven."), ask(["The ferry leaves at seven.", "She plays the violin."])
    assert one.shape == (384,)
    assert two.shape == (2, 384)
    assert two[0] == pytest.approx(one, abs=1e-5)
    assert np.linalg.norm(two, axis=1) == pytest.approx(1, abs=1e-5)
    short = ask("The ferry leaves at seven.", normalize=True, dimensions=64)
    assert short == pytest.approx(one[:64] / np.linalg.norm(one[:64]), abs=1e-5)


def test_the_vector_is_that_of_the_graph(client):
    folder, text = MODELS / ARTICLES / "1", "Two hundred swimmers signed the letter."
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    ids = tokenizer.encode(text).ids
    feed = {"input_ids": np.array([ids]), "attention_mask": np.ones((1, len(ids)), np.int64)}
    (expected,) = onnxruntime.InferenceSession(folder / "model.onnx").run(["embedding"], feed)
    assert client(FEATURES).feature_extraction(text) == pytest.approx(expected[0], abs=1e-5)


def test_a_long_text_is_cut_at_the_asked_end(client):
    ask = client(FEATURES).feature_extraction
    text = "The ferry leaves at seven. " * 40 + "She plays the violin. " * 40
    ferry, violin = ask(["The ferry leaves at seven. " * 10, "She plays the violin. " * 10])
    left, right = (ask(text, truncate=True, truncation_direction=end) for end in ("left", "right"))
    assert left @ violin > 0.9 > left @ ferry
    assert right @ ferry > 0.9 > right @ violin
    with pytest.raises(HfHubHTTPError, match="tokens and the model reads at most 128"):
        ask(text)


@pytest.mark.parametrize("name", [ARTICLES, SIMILARITY])
def test_the_sentence_that_means_the_same_is_the_most_similar(client, name):
    others = ["She plays the violin.", "The boat departs at 7 o'clock.", "The ferry leaves at seven."]
    violin, boat, same = client(name).sentence_similarity("The ferry leaves at seven.", others)
    assert violin < boat < same == pytest.approx(1)


def test_a_bare_text_is_summed_up_for_everyone_but_the_client_that_means_features(default_service):
    url, bare = f"{default_service.url}/hf/models/{ARTICLES}", {"inputs": ARTICLE}
    assert "summary_text" in httpx.post(url, json=bare).json()[0]
    assert len(httpx.post(f"{default_service.url}/hf/models/{FEATURES}", json={"inputs": "a text"}).json()) == 384
    assert len(httpx.post(url, json={"inputs": "a text", "truncate": True}).json()) == 384


def test_lists_are_answered_item_by_item(default_service):
    comparison = {"source_sentence": "a cat", "sentences": ["a dog", "a kitten"]}
    replies = {
        name: httpx.post(f"{default_service.url}/hf/models/{name}", json={"inputs": inputs, "parameters": {}}).json()
        for name, inputs in [(REVIEWS, [GLAD, GLAD]), (ARTICLES, [ARTICLE, ARTICLE]), (SIMILARITY, [comparison] * 2)]
    }
    assert [labels[0]["label"] for labels in replies[REVIEWS]] == ["positive"] * 2
    first, second = replies[ARTICLES]
    assert first["summary_text"] == second["summary_text"]
    for one, other in zip(first["sentences"], second["sentences"], strict=True):  # batches may round differently
        assert one == {**other, "score": pytest.approx(other["score"], abs=1e-5)}
    assert [len(cosines) for cosines in replies[SIMILARITY]] == [2, 2]


Ask = Callable[[Callable[..., InferenceClient]], Any]
REFUSALS: list[tuple[str, Ask, int, str]] = [
    ("unknown model", lambda client: client("nobody").text_classification("a"), 404, "no model 'nobody'"),
    ("no form", lambda client: client("movielens-recommender").text_classification("a"), 422, "/v1/models/movielens-recommender/predict"),
    ("picture for a text model", lambda client: client(REVIEWS).image_classification(CAT), 422, "model for text-classification and reads JSON"),
    ("text for a picture model", lambda client: client(PHOTOS).text_classification("hello"), 422, "not valid base64"),
    ("damaged photo", lambda client: client(PHOTOS).image_classification(CAT[:5000]), 422, "truncated or damaged"),
    ("no photo", lambda client: client(PHOTOS).image_classification(b"Dear Sir"), 422, "not an image we can read"),
    ("damaged photo with parameters", lambda client: client(PHOTOS).image_classification(b"Dear Sir", top_k=1), 422, "not an image we can read"),
    ("lost logits", lambda client: client(PHOTOS).image_classification(CAT, function_to_apply="sigmoid"), 422, "sigmoid cannot be computed"),
    ("wrong top_k", lambda client: client(REVIEWS).text_classification("a", top_k=0), 422, "parameters.top_k"),
    ("empty text", lambda client: client(REVIEWS).text_classification("  "), 422, "the text is empty"),
    ("long text", lambda client: client(REVIEWS).text_classification("word " * 600), 422, "602 tokens"),
    ("other task", lambda client: client(REVIEWS).zero_shot_classification("a", ["b", "c"]), 422, "candidate_labels"),
    ("other pipeline", lambda client: client(f"{REVIEWS}/pipeline/feature-extraction").feature_extraction("a"), 404, "it answers: text-classification"),
    ("second text", lambda client: client(ARTICLES).summarization(ARTICLE, truncation="only_second"), 422, "there is no second text"),
    ("beams", lambda client: client(ARTICLES).summarization(ARTICLE, generate_parameters={"num_beams": 4}), 422, "num_beams would have no effect"),
    ("spaces", lambda client: client(ARTICLES).summarization(ARTICLE, clean_up_tokenization_spaces=True), 422, "clean_up_tokenization_spaces would have no effect"),
    ("two limits", lambda client: client(ARTICLES).summarization(ARTICLE, generate_parameters={"max_length": 9, "max_words": 4}), 422, "one limit of the length"),
    ("raw vectors", lambda client: client(ARTICLES).feature_extraction("a", normalize=False), 422, "vectors of length one"),
    ("prompt", lambda client: client(ARTICLES).feature_extraction("a", prompt_name="query"), 422, "no prompt 'query'"),
    ("dimensions", lambda client: client(ARTICLES).feature_extraction("a", dimensions=385), 422, "384 numbers"),
    ("base64", lambda client: client(ARTICLES).feature_extraction("a", encoding_format="base64"), 422, "base64 is not written"),
    ("direction", lambda client: client(ARTICLES).feature_extraction("a", truncation_direction="left"), 422, "no effect without"),
    ("empty of many", lambda client: client(ARTICLES).feature_extraction(["a", ""]), 422, "inputs.1.text: the text is empty"),
    ("empty sentence", lambda client: client(ARTICLES).sentence_similarity("a", ["b", ""]), 422, "sentences.1: the text is empty"),
    ("nothing to compare", lambda client: client(ARTICLES).sentence_similarity("a", []), 422, "sentences"),
    ("out of time", lambda client: client(ARTICLES, headers={"X-Request-Timeout-Ms": "1"}).summarization(ARTICLE), 504, "deadline"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "status", "says"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_every_refusal_reaches_the_caller_with_its_reason_and_the_id_of_the_request(client, ask, status, says):
    with pytest.raises(HfHubHTTPError) as refused:
        ask(client)
    assert refused.value.response.status_code == status
    assert says in str(refused.value)
    assert refused.value.response.headers["x-request-id"] in str(refused.value)


def test_the_url_may_carry_what_a_method_has_no_argument_for(client):
    labels = client(f"{REVIEWS}?truncate=true").text_classification("A wonderful film. " * 200)
    assert labels[0].label == "positive"


@pytest.mark.parametrize("name", [PHOTOS, REVIEWS, ARTICLES, FEATURES, "movielens-recommender"])
def test_info_and_health_tell_of_every_model(client, name):
    asked = client(name, provider="hf-inference")
    info = asked.get_endpoint_info()
    model, _, task = name.partition("/pipeline/")
    assert info["model_id"] == model
    assert info["pipeline_tag"] == task or info["tasks"][:1] in ([], [info["pipeline_tag"]])
    assert asked.health_check() is True


def test_a_model_that_is_not_there_is_not_healthy(client):
    assert client("nobody", provider="hf-inference").health_check() is False


# The client's own way to send bytes, when it is asynchronous.
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_many_at_once_get_the_answers_they_get_alone(default_service):
    texts = ["A cat sleeps.", "The ferry leaves at seven, and not a minute later than that.", ARTICLE[:200]]

    async def alone_and_together() -> tuple[list[Any], list[Any]]:
        async with AsyncExitStack() as stack:
            photos, reviews, articles = [
                await stack.enter_async_context(AsyncInferenceClient(model=f"{default_service.url}/hf/models/{name}"))
                for name in (PHOTOS, REVIEWS, ARTICLES)
            ]
            asks: list[Callable[[], Awaitable[Any]]] = [
                *(partial(photos.image_classification, photo, top_k=1000) for photo in (CAT, COFFEE, TEMPLE)),
                *(partial(reviews.text_classification, text) for text in texts),
                *(partial(articles.feature_extraction, text) for text in texts),
                partial(articles.sentence_similarity, texts[0], texts),
                partial(articles.summarization, ARTICLE),
            ]
            alone = [await ask() for ask in asks]
            return alone * 8, await asyncio.gather(*(ask() for _ in range(8) for ask in asks))

    for alone, together in zip(*asyncio.run(alone_and_together()), strict=True):
        if isinstance(alone, SummarizationOutput):
            assert together.summary_text == alone.summary_text
        elif isinstance(alone[0], ImageClassificationOutputElement | TextClassificationOutputElement):
            scores = {each.label: each.score for each in together}
            assert max(abs(each.score - scores[each.label]) for each in alone) < 0.02
        else:
            assert together == pytest.approx(alone, abs=1e-5)


def test_errors_reach_async_callers_too(default_service):
    async def ask() -> None:
        async with AsyncInferenceClient(model=f"{default_service.url}/hf/models/{REVIEWS}") as asked:
            await asked.text_classification("")

    with pytest.raises(HfHubHTTPError, match="the text is empty"):
        asyncio.run(ask())


JSON = "application/json"


def test_every_example_of_the_openapi_page_runs_as_it_stands(default_service):
    document = httpx.get(f"{default_service.url}/openapi.json").json()
    operations = {
        path: each["post"]
        for path, each in document["paths"].items()
        if path[:3] == "/hf" and "200" in each.get("post", {}).get("responses", ())  # rerank is always refused
    }
    names = {PHOTOS, REVIEWS, ARTICLES, FEATURES, SIMILARITY}
    assert operations.keys() >= {f"/hf/models/{name}" for name in names}
    for path, operation in operations.items():
        body = operation["requestBody"]["content"][JSON]
        answers = operation["responses"]["200"]["content"]
        reply = httpx.post(default_service.url + path, json=body["example"], timeout=60)
        assert reply.status_code == 200, reply.text
        assert any(reply.headers["content-type"].startswith(kind) for kind in answers)
        checked = [(body["example"], body["schema"])]
        checked += [(reply.json(), answers[JSON]["schema"])] if JSON in answers else []
        for value, schema in checked:
            jsonschema.validate(value, {**schema, "components": document["components"]})


TOKEN = "hf_" + "secretsecretsecret"


@pytest.fixture
def loading(models_dir: Path, tmp_path: Path) -> Iterator[Service]:
    publish_slow(models_dir, tmp_path)
    service = Service(models_dir, TESSERA_THREADS="1")
    try:
        yield service
    finally:
        service.close()


def test_no_token_is_ever_logged_and_what_is_no_task_of_the_client_is_told_so(loading):
    eventually(loading.is_ready, 60)
    for name in ("tiny-sentiment", "slow", "nobody", "tiny-sentiment?top_k=x"):
        asked = InferenceClient(model=f"{loading.url}/hf/models/{name}", token=TOKEN)
        with suppress(HfHubHTTPError):
            asked.text_classification("a good film")
    assert "model for tensors" in httpx.post(f"{loading.url}/hf/models/slow", json={"inputs": "x"}).json()["error"]
    loading.terminate()
    log = loading.process.communicate(timeout=20)[1]
    assert "Application shutdown complete" in log
    assert TOKEN not in log
    assert "Bearer" not in log


def test_embed_is_what_text_embeddings_inference_has(client, default_service: Service):
    model = f"{default_service.url}/hf/models/{ARTICLES}"
    known = client(FEATURES).feature_extraction("The ferry leaves at seven.")

    def embedded(**body: Any) -> np.ndarray:
        reply = httpx.post(f"{model}/embed", json={"inputs": "The ferry leaves at seven.", **body})
        assert reply.status_code == 200, reply.text
        return np.array(reply.json())

    assert embedded() == pytest.approx(np.array(known).reshape(1, -1), abs=1e-6)  # a list, also of one
    assert embedded(inputs=["a", "b"]).shape == (2, 384)
    assert embedded(truncate=True, truncation_direction="Left", normalize=True, dimensions=8).shape == (1, 8)
    refused = httpx.post(f"{model}/embed", json={"inputs": [[1, 2, 3]]})
    assert refused.status_code == 422
    ranked = httpx.post(f"{model}/rerank", json={"query": "a", "texts": ["b"]})
    assert ranked.status_code == 422
    assert "sentence-similarity" in ranked.json()["error"]
