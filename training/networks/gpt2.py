"""A decoder of the GPT-2 family, DistilGPT-2 among it, as arrays by the names that decoders have here.

Radford et al., "Language Models are Unsupervised Multitask Learners", 2019,
https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from transformers import GPT2LMHeadModel

from app.tensors import Array
from training.networks.plain_decoder import GPT2, DecoderSizes, PlainDecoder, plain_decoder

OUTSIDE = {
    "transformer.wte": "model.embed_tokens",
    "transformer.wpe": "model.embed_positions",
    "transformer.ln_f": "model.norm",
    "lm_head": "lm_head",
}
NORMS = {"ln_1": "input_layernorm", "ln_2": "post_attention_layernorm"}
LAYERS = {  # each stored as [inputs, outputs]; one layer of GPT-2 may be several here
    "attn.c_attn": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attn.c_proj": ("self_attn.o_proj",),
    "mlp.c_fc": ("mlp.up_proj",),
    "mlp.c_proj": ("mlp.down_proj",),
}


def plain_gpt2(decoder: GPT2LMHeadModel) -> PlainDecoder:
    """The same decoder as arrays, which share its memory."""
    config: Any = decoder.config
    state: Mapping[str, Any] = decoder.state_dict()
    sizes = DecoderSizes(
        vocabulary=config.vocab_size,
        width=config.n_embd,
        hidden=config.n_inner or 4 * config.n_embd,
        layers=config.n_layer,
        heads=config.n_head,
        kv_heads=config.n_head,
        head_size=config.n_embd // config.n_head,
        positions=config.n_positions,
        epsilon=config.layer_norm_epsilon,
        family=replace(GPT2, activation=config.activation_function),
    )
    weights = (pair for name, weight in state.items() for pair in _renamed(name, weight.detach().numpy()))
    return plain_decoder(dict(weights), sizes, rotations=None)


def _renamed(name: str, weight: Array) -> Iterator[tuple[str, Array]]:
    module, _, kind = name.rpartition(".")
    if module in OUTSIDE:
        yield f"{OUTSIDE[module]}.{kind}", weight
        return
    _, _, number, part = module.split(".", 3)
    if part in NORMS:
        yield f"model.layers.{number}.{NORMS[part]}.{kind}", weight
        return
    for own, rows in zip(LAYERS[part], np.split(weight.T, len(LAYERS[part])), strict=True):
        yield f"model.layers.{number}.{own}.{kind}", rows
