"""A classifier of one's own texts by one's own labels, from a table to an answer."""

import json
from pathlib import Path

import numpy as np
import pytest
from published import built, opened

from app.repository.manifest import Manifest
from app.tasks.view import predict_json
from training.__main__ import main
from training.measures.own_labels import answers_of, by_label, macro_f1
from training.recipe import Run
from training.recipes.text_classifier import RECIPE

WORDS = {"billing": "invoice", "delivery": "parcel", "product": "lamp"}
TEXTS = [(f"My {word} number {i} is wrong.", label) for label, word in WORDS.items() for i in range(14)]


def version(tmp_path: Path, rows: list[dict[str, object]], steps: str = "1", tokens: str = "64") -> Manifest:
    source = tmp_path / "tickets.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)))
    run = Run(
        tmp_path / "work",
        source=str(source),
        tiny=True,
        set={"least_steps": steps, "batch_size": "8", "learning_rate": "1e-3", "max_tokens": tokens},
    )
    folder = built(RECIPE, run, tmp_path / "models")
    return Manifest.model_validate_json((folder / "manifest.json").read_bytes())


def test_of_texts_with_one_label_it_tells_which(tmp_path):
    manifest = version(tmp_path, [{"text": text, "label": label} for text, label in TEXTS], "8")
    assert {one.name for one in manifest.metrics} == {"accuracy", "macro_f1", "deletion_area"}
    assert set(manifest.metrics[0].baselines) == {"majority class", "TF-IDF + logistic regression"}
    assert manifest.provenance is not None
    assert manifest.provenance.settings["least_steps"] == 8
    loaded = opened(tmp_path / "models", "text-classifier")
    found = predict_json(loaded.views[0], loaded.sessions, {"text": "Where is the parcel?"}, {})
    assert {one["label"] for one in found} == set(WORDS)
    assert sum(one["score"] for one in found) == pytest.approx(1, abs=1e-4)
    assert found[0]["label"] == "delivery"
    card = (tmp_path / "models" / "text-classifier" / "1" / "card.md").read_text()
    assert "| billing | 8 |" in card


def test_of_texts_with_several_labels_each_has_a_probability_of_its_own(tmp_path):
    rows: list[dict[str, object]] = [{"text": text, "label": [label]} for text, label in TEXTS]
    rows += [
        {"text": f"My {word} number {i} is wrong, hurry!", "label": [label, "urgent"]}
        for label, word in WORDS.items()
        for i in range(14)
    ]
    manifest = version(tmp_path, rows, tokens="8")  # fewer than the texts have, and the examples
    assert manifest.config["function_to_apply"] == "sigmoid"
    loaded = opened(tmp_path / "models", "text-classifier")
    found = predict_json(loaded.views[0], loaded.sessions, {"text": "The lamp is broken, hurry!"}, {"truncate": True})
    assert {one["label"] for one in found} == {*WORDS, "urgent"}
    assert all(0 < one["score"] < 1 for one in found)
    assert sum(one["score"] for one in found) != pytest.approx(1, abs=1e-3)


def test_columns_are_for_recipes_that_read_a_table_of_texts(capsys, tmp_path):
    options = ["--models", str(tmp_path / "models"), "--workdir", str(tmp_path)]
    assert main(["fashion-vae", "--label", "queue", *options]) == 1
    assert "fashion-vae takes no --label" in capsys.readouterr().err
    assert main(["text-classifier", *options]) == 1
    assert "--source is missing: a CSV, JSON Lines or Parquet file" in capsys.readouterr().err


def test_measures_of_several_labels_count_each_label_alike():
    targets = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0]], np.float32)
    answers = answers_of(np.array([[0.9, 0.1, 0.2], [0.6, 0.4, 0.1], [0.1, 0.2, 0.5]]), are_several=True)
    assert answers.tolist() == [[True, False, False], [True, False, False], [False, False, True]]
    assert macro_f1(answers, targets) == 0.5  # of the first two, for no text has the third
    assert by_label(answers, targets)[0] == (1, 1, 1, 2)
