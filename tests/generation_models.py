"""A tiny decoder of text with weights from nowhere, and a tokenizer with a chat template: what tests generate with."""

from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

from training.graphs.decoder import write_decoder
from training.graphs.products import Fp32DecoderProducts
from training.networks.decoder import plain

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


def tiny_network(seed: int = 0, context: int = CONTEXT) -> LlamaForCausalLM:
    """Two layers, whose answers look like noise and depend on every token before them."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=tokenizer().get_vocab_size(),
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        initializer_range=0.5,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).eval()


def write_tiny_decoder(path: Path, seed: int = 0, context: int = CONTEXT) -> Path:
    return write_decoder(plain(tiny_network(seed, context)), path, Fp32DecoderProducts(), context)
