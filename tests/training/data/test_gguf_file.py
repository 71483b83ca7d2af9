"""Files that llama.cpp could read, written here of small decoders with random weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFWriter, TokenType, quantize
from small_decoder import HEADS, KV_HEADS, POSITIONS, WIDTH, bytes_as_characters, small_decoder

from app.tensors import Array
from training.data.gguf_file import KINDS, LAYER, OUTSIDE, GgufFile
from training.errors import TrainingError
from training.networks.plain_decoder import read

IDS = [3, 250, 17, 99, 4, 4, 180]


def neighbouring(weight: Array, heads: int) -> Array:
    """The order of channels in which llama.cpp turns those of a Llama."""
    halves = weight.reshape(heads, 2, len(weight) // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def write(
    path: Path,
    kind: str,
    *,
    without: str = "",
    also: dict[str, Array] | None = None,
    split: str = "smollm",
    **stated: Any,
) -> Path:
    writer = GGUFWriter(path, stated.get("architecture", kind))
    writer.add_context_length(POSITIONS)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(96)
    writer.add_block_count(2)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(5000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    tokens = ["<|endoftext|>", "<|im_end|>", *bytes_as_characters(), "ab", "Ġa", "12", "<tool>"]
    types = [TokenType.CONTROL] * 2 + [TokenType.NORMAL] * 259 + [TokenType.USER_DEFINED]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(split)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(["a b", "Ġ a", "1 2"])
    writer.add_eos_token_id(1)
    writer.add_chat_template("{{ messages[0].content }}")
    names = {ours: theirs for theirs, ours in (LAYER | OUTSIDE).items()}
    for name, tensor in small_decoder(kind).state_dict().items():
        if name == "lm_head.weight" and kind == "llama":
            continue
        part, _, end = name.rpartition(".")
        place = part.removeprefix("model.layers.")
        number, _, inner = place.partition(".")
        stored = f"blk.{number}.{names[inner]}.{end}" if place != part else f"{names[part]}.{end}"
        weight = tensor.numpy()
        if kind == "llama" and ("q_proj" in name or "k_proj" in name):
            weight = neighbouring(weight, HEADS if "q_proj" in name else KV_HEADS)
        if stored != without:
            writer.add_tensor(stored, np.ascontiguousarray(weight))
    for name, weight in (also or {}).items():
        writer.add_tensor(name, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_decoder_is_the_one_that_was_written(kind: str, tmp_path: Path) -> None:
    file = GgufFile(write(tmp_path / "model.gguf", kind))

    ids, network = torch.tensor([IDS]), file.network()
    with torch.inference_mode():
        expected = small_decoder(kind)(ids).logits
        torch.testing.assert_close(network(ids).logits, expected, rtol=0, atol=1e-5)
    assert network.config.eos_token_id == 1
    np.testing.assert_allclose(read(file.load(), IDS), expected[0].numpy(), rtol=0, atol=1e-5)


def test_weights_in_few_bits_are_read(tmp_path: Path) -> None:
    weight = np.random.default_rng(0).standard_normal((96, WIDTH)).astype(np.float32)
    stored = quantize(weight, GGMLQuantizationType.Q4_1)
    path = tmp_path / "model.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_tensor("blk.0.ffn_up.weight", stored, raw_dtype=GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    name, found = next(GgufFile(path).weights())

    assert name == "model.layers.0.mlp.up_proj.weight"
    assert 0 < np.abs(found - weight).max() < 0.3


def test_the_tokenizer_splits_as_its_model_learned(tmp_path: Path) -> None:
    tokenizer = GgufFile(write(tmp_path / "model.gguf", "llama")).tokenizer()

    assert tokenizer.encode("ab ab12").tokens == ["ab", "Ġ", "ab", "1", "2"]
    assert tokenizer.encode("ab<|im_end|><tool>").ids == [258, 1, 261]
    text = "naïve 东京\n12"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert tokenizer.decode([1, 258]) == "ab"


def test_the_tokenizer_of_qwen2_writes_characters_in_one_way(tmp_path: Path) -> None:
    tokenizer = GgufFile(write(tmp_path / "model.gguf", "qwen2", split="qwen2")).tokenizer()

    assert tokenizer.encode("e\u0301").ids == tokenizer.encode("\u00e9").ids
    assert tokenizer.encode("ab12").tokens == ["ab", "1", "2"]


def test_the_template_and_the_end_are_stated(tmp_path: Path) -> None:
    found = GgufFile(write(tmp_path / "model.gguf", "llama"))

    assert found.template == "{{ messages[0].content }}"
    assert found.end_token == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"architecture": "mamba"}, "holds a mamba", id="another kind"),
        pytest.param({"also": {"rope_freqs.weight": np.ones(8, np.float32)}}, "rope_freqs.weight", id="scaled"),
        pytest.param({"without": "blk.1.ffn_up.weight"}, "up_proj", id="a weight is missing"),
        pytest.param({"also": {"output.weight": np.ones((262, 8), np.float32)}}, "has the shape", id="another size"),
        pytest.param({"split": "tekken"}, "tekken", id="another tokenizer"),
    ],
)
def test_what_cannot_be_exported_is_refused(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    path = write(tmp_path / "model.gguf", "llama", **changes)

    with pytest.raises(TrainingError, match=reason):
        _ = GgufFile(path).load(), GgufFile(path).tokenizer()


def test_what_is_no_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"PK" * 40)

    with pytest.raises(TrainingError, match="cannot be read as GGUF"):
        GgufFile(tmp_path / "model.gguf")
