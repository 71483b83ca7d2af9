"""Imported classifiers of texts: of every architecture, with every kind of tokenizer, beside transformers."""

import json
from pathlib import Path

import pytest
import torch
from importing_models import served
from tiny_encoders import CONFIGS, save_encoder
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from app.repository.repository import ModelRepository
from app.tasks.view import predict_json

HEAD = "ForSequenceClassification"
MOST_TOKENS = {"roberta": 129, "xlm-roberta": 129, "mpnet": 128}  # whose positions count from behind that of padding
UNSEEN = "The valley had no harbour, said Anna at seven."


@pytest.mark.parametrize("name", CONFIGS)
def test_each_architecture_answers_as_transformers_in_shared_batches(name: str, tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / name, name, HEAD, num_labels=3)
    view, sessions = served(folder)
    found = predict_json(view, sessions, {"text": UNSEEN}, {})
    network, reader = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    scores = network(**reader(UNSEEN, return_tensors="pt")).logits[0].softmax(0).tolist()
    expected = {f"LABEL_{i}": score for i, score in enumerate(scores)}
    assert {one["label"]: one["score"] for one in found} == pytest.approx(expected, abs=1e-4)
    assert max(expected.values()) - min(expected.values()) > 1e-3
    manifest = ModelRepository(tmp_path / "models").read(name, 1)
    assert manifest.batching.max_batch_size > 1
    assert manifest.config["max_tokens"] == MOST_TOKENS.get(name, 130)
    (metric,) = manifest.metrics
    assert (metric.name, metric.value) == ("answers_as_transformers", 1)
    assert "within 0.0001" in metric.split


def test_several_labels_have_scores_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {0: "toxic", 1: "rude"}
    folder = save_encoder(
        tmp_path / "My_Moods", "bert", HEAD, id2label=names, problem_type="multi_label_classification"
    )
    (tmp_path / "my-moods").symlink_to(folder)
    view, sessions = served(tmp_path / "my-moods")
    network, reader = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    logits = network(**reader(UNSEEN, return_tensors="pt")).logits[0].sigmoid().tolist()
    found = {one["label"]: one["score"] for one in predict_json(view, sessions, {"text": UNSEEN}, {})}
    assert found == pytest.approx(dict(zip(names.values(), logits, strict=True)), abs=1e-4)
    load, curl, python, page = capsys.readouterr().out.splitlines()
    assert load.endswith("curl -X POST 127.0.0.1:8000/v1/models/my-moods/load")
    assert curl.startswith('curl 127.0.0.1:8000/v1/models/my-moods/predict -d \'{"inputs": [{"text": "What a good')
    assert "from tessera_client import Client, predict" in python
    assert page == "http://127.0.0.1:8000/#/my-moods"
    provenance = json.loads((tmp_path / "models" / "my-moods" / "1" / "manifest.json").read_text())["provenance"]
    assert provenance["command"] == "python -m training import My_Moods --task text-classification --name my-moods"


def test_a_regression_is_a_number_that_is_no_probability(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / "stars", "bert", HEAD, id2label={0: "stars"}, problem_type="regression")
    with torch.no_grad():
        network, reader = (
            AutoModelForSequenceClassification.from_pretrained(folder),
            AutoTokenizer.from_pretrained(folder),
        )
        network.classifier.weight.mul_(0.01)
        network.classifier.bias.fill_(4.0)
        folder = tmp_path / "shifted"  # another one: the weights are mapped from the file of the first
        network.save_pretrained(folder)
        reader.save_pretrained(folder)
        number = network(**reader(UNSEEN, return_tensors="pt")).logits.item()
    view, sessions = served(folder)
    assert predict_json(view, sessions, {"text": UNSEEN}, {}) == [
        {"label": "stars", "score": pytest.approx(number, abs=1e-4)}
    ]
    assert number > 1
