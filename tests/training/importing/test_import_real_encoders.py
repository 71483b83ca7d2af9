"""Encoders with the weights that they were published with, imported as vectors of texts: equal to their pipeline."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from importing_models import served
from test_import_embeddings import KIND

from app.tasks.view import predict_json
from training.data.e5 import e5_tokenizer, load_e5
from training.data.minilm import minilm_folder

LAYERS = 3
ABOUT_ONE = ("The ferry leaves at seven.", "Die Fähre fährt um sieben ab.", "I love this film.")


def save_minilm(folder: Path) -> None:
    shutil.copytree(minilm_folder(), folder)


def save_e5(folder: Path) -> None:
    """Its first layers, in the files that sentence-transformers leaves: all twelve take a minute to be compared."""
    network = load_e5()
    del network.encoder.layer[LAYERS:]
    network.config.num_hidden_layers = LAYERS
    network.save_pretrained(folder)
    e5_tokenizer().save(str(folder / "tokenizer.json"))
    marks = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "unk": "<unk>", "pad": "<pad>"}
    files = {
        "tokenizer_config.json": {f"{name}_token": mark for name, mark in marks.items()} | {"model_max_length": 512},
        "modules.json": [
            {"path": "", "type": f"{KIND}Transformer"},
            {"path": "1_Pooling", "type": f"{KIND}Pooling"},
            {"path": "2_Normalize", "type": f"{KIND}Normalize"},
        ],
        "1_Pooling/config.json": {"pooling_mode_mean_tokens": True},
        "config_sentence_transformers.json": {"prompts": {"query": "query: "}},
    }
    (folder / "1_Pooling").mkdir()
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize(("save", "knows_german"), [(save_minilm, False), (save_e5, True)])
def test_what_was_published_is_imported_as_it_is(save, knows_german: bool, tmp_path: Path) -> None:
    folder = tmp_path / "real"
    save(folder)
    view, sessions = served(folder)  # which compares it with the pipeline
    english, german, other = (np.array(predict_json(view, sessions, {"text": text}, {})) for text in ABOUT_ONE)
    assert english.shape == (384,)
    assert np.linalg.norm(english) == pytest.approx(1, abs=1e-4)
    if knows_german:
        assert english @ german > english @ other
