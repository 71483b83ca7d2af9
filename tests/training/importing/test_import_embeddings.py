"""Imported networks that make vectors, pooled as sentence-transformers does it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from importing_models import imported, served
from tiny_encoders import save_encoder
from transformers import AutoModel, AutoTokenizer

from app.repository.repository import ModelRepository
from app.tasks.view import predict_json

UNSEEN, OTHER = "The valley had no harbour, said Anna at seven.", "No film is as good."
KIND = "sentence_transformers.models."


def with_modules(folder: Path, pooling: dict[str, Any], *, normalizes: bool = True, **prompts: str) -> Path:
    kinds = ["Transformer", "Pooling", "Normalize"][: 3 if normalizes else 2]
    modules = [
        {"idx": at, "name": str(at), "path": f"{at}_{kind}" if at else "", "type": KIND + kind}
        for at, kind in enumerate(kinds)
    ]
    (folder / "1_Pooling").mkdir()
    files = {
        "modules.json": modules,
        "1_Pooling/config.json": pooling,
        "sentence_bert_config.json": {"max_seq_length": 32, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": prompts, "default_prompt_name": None},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    return folder


def states(folder: Path, text: str) -> np.ndarray:
    network, reader = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    found: np.ndarray = network(**reader(text, return_tensors="pt")).last_hidden_state[0].detach().numpy()
    return found


def test_a_sentence_transformer_is_pooled_as_its_files_say(tmp_path: Path) -> None:
    # Its architecture is that of another task: the files beside it tell.
    folder = save_encoder(tmp_path / "mine", "mpnet", "ForMaskedLM")
    with_modules(folder, {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, query="find: ", none="")
    view, sessions = served(folder)
    vector = predict_json(view, sessions, {"text": UNSEEN}, {"prompt_name": "query"})
    of_tokens = states(folder, "find: " + UNSEEN)
    pooled = np.concatenate([of_tokens[0], of_tokens.mean(0)])
    assert vector == pytest.approx((pooled / np.linalg.norm(pooled)).tolist(), abs=1e-4)
    config = ModelRepository(tmp_path / "models").read("mine", 1).config
    assert (config["max_tokens"], config["has_unit_length"], config["prompts"]) == (32, True, {"query": "find: "})


@pytest.mark.parametrize(
    ("pooling", "pooled"),
    [
        ({"pooling_mode": "max"}, lambda one: one.max(0)),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, lambda one: one.sum(0) / np.sqrt(len(one))),
    ],
)
def test_a_vector_keeps_its_length_if_nothing_scales_it(pooling: dict[str, Any], pooled: Any, tmp_path: Path) -> None:
    folder = with_modules(save_encoder(tmp_path / "mine", "bert", ""), pooling, normalizes=False)
    view, sessions = served(folder)
    vector = predict_json(view, sessions, {"text": UNSEEN}, {"normalize": False})
    assert vector == pytest.approx(pooled(states(folder, UNSEEN)).tolist(), abs=1e-4)
    assert np.linalg.norm(vector) > 1.5


def test_without_such_files_a_vector_is_the_mean_and_the_card_says_so(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / "mine", "distilbert", "")
    view, sessions = served(folder, "--task", "sentence-similarity")
    one, other = (states(folder, text).mean(0) for text in (UNSEEN, OTHER))
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    found = predict_json(view, sessions, {"source_sentence": UNSEEN, "sentences": [OTHER, UNSEEN]}, {})
    assert found == pytest.approx([cosine, 1], abs=1e-4)
    assert "a vector is the mean of those of its tokens" in (tmp_path / "models" / "mine" / "1" / "card.md").read_text()


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("modules.json", [{"type": KIND + "Transformer", "path": ""}, {"type": KIND + "Dense"}], "Transformer, Dense"),
        ("modules.json", [{"type": KIND + "Transformer", "path": "0_T"}, {"type": KIND + "Pooling"}], "in the folder"),
        ("1_Pooling/config.json", {"pooling_mode_lasttoken": True}, "pools by lasttoken"),
        ("1_Pooling/config.json", {}, "is not stated"),
        ("sentence_bert_config.json", {"do_lower_case": True}, "has do_lower_case"),
        ("config_sentence_transformers.json", {"default_prompt_name": "query"}, "has a prompt by default"),
    ],
)
def test_what_is_not_pooled_here_is_refused(
    file: str, content: Any, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = with_modules(save_encoder(tmp_path / "mine", "bert", ""), {"pooling_mode": "mean"})
    (folder / file).write_text(json.dumps(content))
    assert imported(folder) == 1
    assert reason in capsys.readouterr().err
