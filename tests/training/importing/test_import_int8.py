"""Imports in 8 bits beside fp32: published if they answer alike, and refused with the figure if not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from importing_models import imported
from tiny_encoders import save_encoder

from app.repository.repository import ModelRepository
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks import task_of
from app.tasks.text_classification import TextInput
from app.tasks.view import predict_json
from training.importing import int8_beside
from training.importing.int8_beside import _say_the_same


def test_8_bits_are_published_beside_fp32_and_keep_rows_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_encoder(tmp_path / "mine", "bert", "ForSequenceClassification", num_labels=3)
    monkeypatch.setattr(int8_beside, "LEAST_AGREEMENT", 0.4)  # random weights answer by a hair
    assert imported(folder, "--int8") == 0
    manifest = ModelRepository(tmp_path / "models").read("mine", 1)
    version = tmp_path / "models" / "mine" / "1"
    names = [manifest.graphs["model"], manifest.variants["int8"].graphs["model"]]
    assert names == ["model.onnx", "model.int8.onnx"]
    assert (version / names[1]).stat().st_size < (version / names[0]).stat().st_size / 2
    figures = {metric.name: metric.value for metric in manifest.metrics}
    assert figures["int8_agreement"] >= 0.4
    assert "int8_agreement" in (version / "card.md").read_text()
    assert manifest.provenance is not None
    assert manifest.provenance.command.endswith("--int8")

    view = task_of(manifest.task, manifest.config).own(
        task_of(manifest.task, manifest.config).open(
            dict(manifest.config), {"tokenizer.json": version / "tokenizer.json"}
        )
    )
    fp32, int8 = ({"model": load_onnx(version / name, RuntimeOptions(device="cpu"))} for name in names)
    texts = ["No film is as good.", "The valley had no harbour, said Anna at seven, and " + "then " * 40]
    rows = [view.preprocess(TextInput(text=text), view.contract.Parameters()).rows[0] for text in texts]
    alone, together = [view.kernel.run(int8, [row])[0] for row in rows], view.kernel.run(int8, rows)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one["logits"], other["logits"], atol=1e-5)
    item: dict[str, Any] = {"text": texts[0]}
    known, found = (predict_json(view, one, item, {}) for one in (fp32, int8))
    assert known != found
    assert _say_the_same(known, found, 0.3)


def test_8_bits_that_answer_otherwise_are_refused_with_the_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_encoder(tmp_path / "mine", "bert", "")
    monkeypatch.setattr(int8_beside, "COSINE", 1.1)
    assert imported(folder, "--int8") == 0
    told = "in 8 bits 0 of 12 answers are those of fp32"
    assert f"WARNING: not published in 8 bits: {told}" in capsys.readouterr().err
    manifest = ModelRepository(tmp_path / "models").read("mine", 1)
    assert not manifest.variants
    assert "model.int8.onnx" not in manifest.files
    assert any(told in limit for limit in manifest.limits)


def test_labels_agree_by_their_scores_in_whatever_order() -> None:
    first = [{"label": "a", "score": 0.50}, {"label": "b", "score": 0.48}]
    other = [{"label": "b", "score": 0.50}, {"label": "a", "score": 0.48}]
    far = [{"label": "b", "score": 0.90}, {"label": "a", "score": 0.08}]
    assert _say_the_same(first, other, 0.05)
    assert not _say_the_same(first, far, 0.05)
    place = [{"label": "a", "score": 0.5, "word": "it", "start": 3, "end": 5}]
    assert not _say_the_same(place, [{**place[0], "start": 4}], 0.05)
