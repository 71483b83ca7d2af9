"""Imported networks that read two texts together, in the service: asked by the real client, and as TEI is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from importing_models import imported
from services import Service, running
from tiny_encoders import save_encoder
from transformers import pipeline

HEAD = "ForSequenceClassification"
NLI = {
    "id2label": {0: "entailment", 1: "neutral", 2: "contradiction"},
    "label2id": {"entailment": 0, "neutral": 1, "contradiction": 2},
}
RANKS = {"num_labels": 1, "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}}
TEXT, LABELS = "The ferry was late, and nobody at the harbour said why.", ["travel", "a film", "food"]
QUERY, TEXTS = "When does it leave?", ["At seven in the morning.", "No.", "She laughed, and so did I."]
TEMPLATE = "This is about {}."


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("pairs")
    found = {
        "nli": save_encoder(root / "nli", "bert", HEAD, **NLI),
        "ranker": save_encoder(root / "ranker", "albert", HEAD, **RANKS),
        "untold": save_encoder(root / "untold", "mpnet", HEAD, num_labels=1),
    }
    # The labels, and what sentence-transformers left, tell what they are for; of the last one only we know.
    assert [imported(found[name]) for name in ("nli", "ranker")] == [0, 0]
    assert imported(found["untold"], "--task", "text-ranking") == 0
    return found


@pytest.fixture(scope="module")
def service(folders: dict[str, Path]) -> Iterator[Service]:
    with running(folders["nli"].parent / "models") as service:
        yield service


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_the_client_gets_the_scores_of_the_pipeline(
    count: int, multi_label: bool, service: Service, folders: dict[str, Path]
) -> None:
    options: dict[str, Any] = {"multi_label": multi_label, "hypothesis_template": TEMPLATE}
    known: Any = pipeline("zero-shot-classification", model=str(folders["nli"]))(TEXT, LABELS[:count], **options)
    client = InferenceClient(model=f"{service.url}/hf/models/nli")
    found = client.zero_shot_classification(TEXT, LABELS[:count], **options)
    expected = dict(zip(known["labels"], known["scores"], strict=True))
    assert {one.label: one.score for one in found} == pytest.approx(expected, abs=1e-4)
    assert [one.score for one in found] == sorted(expected.values(), reverse=True) or expected
    assert len(found) == count


def test_labels_and_a_template_that_say_nothing_are_refused_where_they_stand(service: Service) -> None:
    client = InferenceClient(model=f"{service.url}/hf/models/nli")
    with pytest.raises(HfHubHTTPError, match=r"parameters\.hypothesis_template: .*has no {} for the label"):
        client.zero_shot_classification(TEXT, LABELS, hypothesis_template="It is so.")
    with pytest.raises(HfHubHTTPError, match=r"parameters\.candidate_labels: .*at least 1 item"):
        client.zero_shot_classification(TEXT, [])
    address = f"{service.url}/v1/models/nli/predict"
    long = "a ferry " * 200
    reply = httpx.post(address, json={"inputs": [{"text": long, "candidate_labels": LABELS}]})
    assert reply.status_code == 422
    assert reply.json()["details"][0]["loc"] == ["inputs", 0, "text"]
    assert "the model reads at most 130" in reply.json()["error"]
    item = {"text": long, "candidate_labels": LABELS}
    assert httpx.post(address, json={"inputs": [item], "parameters": {"truncate": True}}).status_code == 200
    reply = httpx.post(address, json={"inputs": [{"text": TEXT, "candidate_labels": ["a", long[:900]]}]})
    assert "two texts that are read together" in reply.json()["error"]


def scores_of(folder: Path, function: str) -> list[float]:
    asked: Any = pipeline("text-classification", model=str(folder))
    pairs = [{"text": QUERY, "text_pair": text} for text in TEXTS]
    return [asked(pair, function_to_apply=function)["score"] for pair in pairs]


@pytest.mark.parametrize(("name", "function"), [("ranker", "none"), ("untold", "sigmoid")])
def test_texts_are_scored_as_their_pairs_are_by_the_pipeline(
    name: str, function: str, service: Service, folders: dict[str, Path]
) -> None:
    item = {"query": QUERY, "texts": TEXTS}
    reply = httpx.post(f"{service.url}/v1/models/{name}/predict", json={"inputs": [item]}).json()
    known = scores_of(folders[name], function)
    assert reply["outputs"] == [pytest.approx(known, abs=1e-4)]
    assert max(known) - min(known) > 1e-3


def test_rerank_answers_as_tei_does(service: Service, folders: dict[str, Path]) -> None:
    asked = {"query": QUERY, "texts": TEXTS, "raw_scores": True, "return_text": True}
    reply = httpx.post(f"{service.url}/hf/models/untold/rerank", json=asked).json()
    known = scores_of(folders["untold"], "none")
    best_first = sorted(range(len(TEXTS)), key=lambda at: -known[at])
    assert reply == [{"index": at, "score": pytest.approx(known[at], abs=1e-4), "text": TEXTS[at]} for at in best_first]
    refused = httpx.post(f"{service.url}/hf/models/untold/rerank", json={"query": QUERY, "texts": []})
    assert (refused.status_code, refused.json()["details"][0]["loc"]) == (422, ["texts"])
    unknown = httpx.post(f"{service.url}/hf/models/untold/rerank", json={**asked, "top_n": 2})
    assert "top_n would have no effect here" in unknown.json()["error"]
    operation = httpx.get(f"{service.url}/openapi.json").json()["paths"]["/hf/models/untold/rerank"]["post"]
    assert "200" in operation["responses"]


def test_a_network_without_such_labels_is_refused(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert imported(folders["untold"], "--task", "zero-shot-classification") == 1
    assert "one must begin with 'entail'" in capsys.readouterr().err
    assert imported(folders["nli"], "--task", "text-ranking") == 1
    assert "has 3 labels, and a network that ranks texts has one" in capsys.readouterr().err
