"""A tiny decoder of text with weights from nowhere, and a tokenizer with a chat template: what tests generate with."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

from app.repository.manifest import Batching, Manifest
from app.repository.publish import publish
from app.tensors import TensorSpec
from training.graphs.decoder import write_decoder
from training.graphs.products import Fp32DecoderProducts

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
END = 2
CONTEXT = 256
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


@cache
def tokenizer() -> Tokenizer:
    """Special tokens, then one token for each byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: id for id, token in enumerate([*SPECIAL, *alphabet])}
    made = Tokenizer(models.BPE(vocabulary, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(list(SPECIAL))
    return made


def write_tiny_decoder(path: Path, seed: int = 0) -> Path:
    """Write a graph of two layers, whose answers look like noise and depend on every token before them."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=tokenizer().get_vocab_size(),
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.5,
        tie_word_embeddings=True,
    )
    network = LlamaForCausalLM(config).eval()
    return write_decoder(network, path, Fp32DecoderProducts(), CONTEXT)


@cache
def _graph(seed: int) -> bytes:
    with TemporaryDirectory() as folder:
        return write_tiny_decoder(Path(folder) / "model.onnx", seed).read_bytes()


def files_of_a_writer(scratch: Path, seed: int = 0) -> dict[str, Path]:
    scratch.mkdir(parents=True, exist_ok=True)
    files = {name: scratch / name for name in ("model.onnx", "tokenizer.json", "chat.jinja")}
    files["model.onnx"].write_bytes(_graph(seed))
    tokenizer().save(str(files["tokenizer.json"]))
    files["chat.jinja"].write_text(TEMPLATE)
    return files


CONFIG = {
    "tokenizer": "tokenizer.json",
    "chat_template": "chat.jinja",
    "context": CONTEXT,
    "eos_token_ids": [END],
    "max_new_tokens": 16,
    "eos_token": "<|im_end|>",
    "aliases": ["nobody/tiny-writer"],
}


def publish_writer(root: Path, scratch: Path, name: str = "tiny-writer", **fields: Any) -> Manifest:
    """A model that writes noise: a byte is a token, and END ends it."""
    text_input = TensorSpec(name="text_input", datatype="BYTES", shape=(-1, 1))
    defaults: dict[str, Any] = {
        "task": "text-generation",
        "description": "Writes noise.",
        "licence": "CC0-1.0",
        "runtime": "onnx",
        "graphs": {"model": "model.onnx"},
        "inputs": (text_input,),
        "outputs": (text_input.model_copy(update={"name": "text_output"}),),
        "config": CONFIG,
        "batching": Batching(max_batch_size=4),
    }
    return publish(root, name, files_of_a_writer(scratch), **{**defaults, **fields})
