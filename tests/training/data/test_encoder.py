import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_bert import save_small_bert
from transformers import BertModel

from training.data.encoder import FILES, load_encoder
from training.errors import TrainingError
from training.networks.minilm import HIDDEN_SIZE

MAX_TOKENS = 128


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_small_bert(tmp_path)


def test_an_encoder_of_ones_own_is_loaded_with_its_weights(folder: Path) -> None:
    encoder = load_encoder(str(folder), MAX_TOKENS)
    bert = encoder.load()
    assert not encoder.is_packaged
    assert encoder.source.name == folder.name
    assert bert.config.hidden_size == 32
    kept = load_file(folder / "model.safetensors")["encoder.layer.1.output.dense.weight"]
    assert torch.equal(bert.encoder.layer[1].output.dense.weight, kept)


def test_without_a_source_it_is_minilm() -> None:
    try:
        encoder = load_encoder(None, MAX_TOKENS)
    except TrainingError as error:
        pytest.skip(str(error))
    assert encoder.is_packaged
    assert encoder.load().config.hidden_size == HIDDEN_SIZE


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name: str, folder: Path) -> None:
    (folder / name).unlink()
    with pytest.raises(TrainingError, match=f"has no {name}; an encoder is config.json"):
        load_encoder(str(folder), MAX_TOKENS)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        pytest.param({"model_type": "roberta"}, "has model_type roberta; only a BERT", id="another kind"),
        pytest.param({"hidden_act": "relu"}, "has hidden_act relu", id="another activation"),
        pytest.param({"position_embedding_type": "relative_key"}, "has position_embedding_type", id="positions"),
    ],
)
def test_what_cannot_be_exported_is_refused(changed: dict[str, str], says: str, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changed))
    with pytest.raises(TrainingError, match=says):
        load_encoder(str(folder), MAX_TOKENS)


def test_a_configuration_that_is_none_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text("[]]")
    with pytest.raises(TrainingError, match="is not the configuration of a model"):
        load_encoder(str(folder), MAX_TOKENS)


def test_weights_that_are_missing_are_not_drawn_by_chance(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.0.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        TrainingError, match=r"lacks weights of a BERT, such as encoder\.layer\.0\.output\.dense\.weight"
    ):
        load_encoder(str(folder), MAX_TOKENS).load()


@pytest.mark.parametrize("content", [b"", b"not weights" * 9, b"\xff" * 64])
def test_a_broken_file_of_weights_is_one_sentence(content: bytes, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(TrainingError, match="cannot be loaded as a BERT") as raised:
        load_encoder(str(folder), MAX_TOKENS).load()
    assert "\n" not in str(raised.value)


def test_an_encoder_that_reads_too_little_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 64}))
    with pytest.raises(TrainingError, match="reads fewer than 128 tokens"):
        load_encoder(str(folder), MAX_TOKENS)


def test_a_tokenizer_that_is_none_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(TrainingError, match=r"tokenizer\.json is not a tokenizer"):
        load_encoder(str(folder), MAX_TOKENS)


def test_a_tokenizer_of_another_vocabulary_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 100}))
    with pytest.raises(TrainingError, match="knows 30522 tokens, and the encoder beside it 100"):
        load_encoder(str(folder), MAX_TOKENS)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_half_precision_are_read_in_full(dtype: torch.dtype, folder: Path) -> None:
    BertModel.from_pretrained(folder, dtype=dtype).save_pretrained(folder)
    assert {weights.dtype for weights in load_encoder(str(folder), MAX_TOKENS).load().parameters()} == {torch.float32}
