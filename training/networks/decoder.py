"""The decoders of language models that are known here: those of the Llama family, Qwen2 among it, and of GPT-2's."""

from collections.abc import Mapping
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from app.tensors import Array
from training.networks.gpt2 import plain_gpt2
from training.networks.plain_decoder import DecoderSizes, PlainDecoder, plain_decoder

Decoder = LlamaForCausalLM | Qwen2ForCausalLM | GPT2LMHeadModel

# By the name of their kind: what configures a decoder, and its class. transformers types neither.
KINDS: Mapping[str, tuple[Any, Any]] = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "gpt2": (GPT2Config, GPT2LMHeadModel),
}


def plain(decoder: Decoder) -> PlainDecoder:
    """The same decoder as arrays, which share its memory."""
    if isinstance(decoder, GPT2LMHeadModel):
        return plain_gpt2(decoder)
    config: Any = decoder.config
    model: Any = decoder.model
    head_size = model.layers[0].self_attn.head_dim
    sizes = DecoderSizes(
        vocabulary=config.vocab_size,
        width=config.hidden_size,
        hidden=config.intermediate_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_size=head_size,
        positions=config.max_position_embeddings,
        epsilon=config.rms_norm_eps,
    )

    def rotations(positions: int) -> tuple[Array, Array]:
        with torch.inference_mode():
            cosines, sines = model.rotary_emb(torch.zeros(1), torch.arange(positions)[None])
        return cosines[0, :, : head_size // 2].numpy(), sines[0, :, : head_size // 2].numpy()

    weights = {name: weight.detach().numpy() for name, weight in decoder.state_dict().items()}
    return plain_decoder(weights, sizes, rotations)
