"""Imported networks that label tokens, in the service: asked by the real client of Hugging Face."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from importing_models import imported
from services import Service, running
from tiny_encoders import save_encoder
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "misc-thing"]
TEXT = "Anna Novak said: in 1998, the ferry to Lisbon was late."
# WordPiece marks what continues a word, the others do not.
KINDS = ("bert", "xlm-roberta")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("entities")
    labels = dict(enumerate(LABELS))
    found = {name: save_encoder(root / name, name, "ForTokenClassification", id2label=labels) for name in KINDS}
    for folder in found.values():
        labels_differ(folder)
    assert [imported(folder) for folder in found.values()] == [0] * len(KINDS)
    return found


@pytest.fixture(scope="module")
def service(folders: dict[str, Path]) -> Iterator[Service]:
    with running(folders[KINDS[0]].parent / "models") as service:
        yield service


def labels_differ(folder: Path) -> None:
    """Give a network of random weights a bias, so that it finds no label likelier than another in TEXT as a whole."""
    network, reader = AutoModelForTokenClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        network.classifier.bias -= network(**reader(TEXT, return_tensors="pt")).logits[0].mean(0)
    network.save_pretrained(folder)


def expected(folder: Path, **parameters: Any) -> list[tuple[Any, ...]]:
    asked: Any = pipeline("token-classification", model=str(folder))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tokenizers that do not mark what continues a word
        found = asked(TEXT, **parameters)
    label = "entity_group" if "entity_group" in found[0] else "entity"
    return [
        (one[label], pytest.approx(float(one["score"]), abs=1e-4), int(one["start"]), int(one["end"])) for one in found
    ]


@pytest.mark.parametrize("strategy", ["none", "simple", "first", "average", "max"])
@pytest.mark.parametrize("name", KINDS)
def test_the_client_gets_the_spans_of_the_pipeline(
    name: str, strategy: Any, service: Service, folders: dict[str, Path]
) -> None:
    client = InferenceClient(model=f"{service.url}/hf/models/{name}")
    found = client.token_classification(TEXT, aggregation_strategy=strategy, ignore_labels=["I-LOC"])
    parameters = {"aggregation_strategy": strategy, "ignore_labels": ["I-LOC"]}
    told = [(one.entity_group or one.entity, one.score, one.start, one.end) for one in found]
    assert told == expected(folders[name], **parameters)
    assert len({label for label, *_ in told}) > 1
    assert all(one.word == TEXT[one.start : one.end] for one in found)
    assert all((one.entity is None) == (strategy != "none") for one in found)


def test_the_client_gets_what_is_ignored_by_default_only_if_it_asks(service: Service, folders: dict[str, Path]) -> None:
    client = InferenceClient(model=f"{service.url}/hf/models/bert")
    told = [(one.entity_group, one.score, one.start, one.end) for one in client.token_classification(TEXT)]
    assert told == expected(folders["bert"], aggregation_strategy="simple")
    with pytest.raises(HfHubHTTPError, match="stride would have no effect here"):
        client.token_classification(TEXT, stride=16)


def test_the_native_dialect_answers_several_texts_and_blames_the_empty_one(
    service: Service, folders: dict[str, Path]
) -> None:
    address = f"{service.url}/v1/models/bert/predict"
    reply = httpx.post(address, json={"inputs": [{"text": TEXT}, {"text": "No."}]}).json()
    assert [set(one) for one in reply["outputs"][0]] == [{"label", "score", "word", "start", "end"}] * len(
        expected(folders["bert"], aggregation_strategy="simple")
    )
    assert len(reply["outputs"]) == 2
    refused = httpx.post(address, json={"inputs": [{"text": TEXT}, {"text": " "}]})
    assert refused.status_code == 422
    assert refused.json()["details"][0]["loc"] == ["inputs", 1, "text"]


def test_tensors_of_texts_of_unlike_lengths_come_back_in_one_batch(service: Service) -> None:
    ids, mask = [[2, 9, 3, 0], [2, 9, 8, 3]], [[1, 1, 1, 0], [1, 1, 1, 1]]
    inputs = [
        {"name": name, "datatype": "INT64", "shape": [2, 4], "data": data}
        for name, data in (("input_ids", ids), ("attention_mask", mask))
    ]
    reply = httpx.post(f"{service.url}/v2/models/bert/infer", json={"inputs": inputs}).json()
    assert reply["outputs"][0]["shape"] == [2, 4, len(LABELS)]
