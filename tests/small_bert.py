"""A BERT that is made in no time, in the files that the hub would have of it."""

import shutil
from pathlib import Path

import pytest
from transformers import BertConfig, BertModel

from training.data import minilm
from training.errors import TrainingError


def save_small_bert(folder: Path) -> Path:
    """Two layers with weights drawn by chance, and MiniLM's tokenizer; the test is skipped where that cannot be had."""
    try:
        tokenizer = minilm.tokenizer_file()
    except TrainingError as error:
        pytest.skip(str(error))
    config = BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
    BertModel(config).save_pretrained(folder)
    shutil.copy(tokenizer, folder / "tokenizer.json")
    return folder
