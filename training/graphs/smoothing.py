"""The channels of a decoder's activations are made alike, so that 8 bits span each of them; no answer changes.

Each channel is divided by a factor that the weights which read it are multiplied by: Xiao et al., "SmoothQuant", 2022,
https://arxiv.org/abs/2211.10438. Here the division costs nothing, since it is put into the weights that give the
channel: those of a norm, of the values that attention mixes, and of what a gate lets through.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from app.tensors import Array
from training.graphs.linear import TINY
from training.networks.plain_decoder import PlainDecoder, read

SMOOTHING = 0.5  # how much of the spread of the channels moves from the activations to the weights


def smoothed(decoder: PlainDecoder, texts: Iterable[Sequence[int]]) -> PlainDecoder:
    """A copy of `decoder` that answers the same; `texts`, as tokens, show how large its channels become."""
    alike = deepcopy(decoder)
    alike.lm_head.weight = alike.lm_head.weight.copy()  # no longer the embeddings
    ranges = ranges_of(alike, texts)
    heads = (alike.sizes.kv_heads, -1, alike.sizes.head_size)
    for layer in alike.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        _move(layer.input_layernorm, [attention.q_proj, attention.k_proj, attention.v_proj], ranges)
        if decoder.sizes.family.gates:
            _move(layer.post_attention_layernorm, [mlp.gate_proj, mlp.up_proj], ranges)
            _move(mlp.up_proj, [mlp.down_proj], ranges)
        else:  # what is activated cannot be divided before
            _move(layer.post_attention_layernorm, [mlp.up_proj], ranges)
        _move(attention.v_proj, [attention.o_proj], ranges, heads)
    _move(alike.model.norm, [alike.lm_head], ranges)
    return alike


def ranges_of(decoder: PlainDecoder, texts: Iterable[Sequence[int]]) -> dict[Any, Array]:
    """The largest magnitude of every input channel of each linear layer over `texts`, fp32 [inputs]."""
    ranges: dict[Any, Array] = {}

    def note(layer: Any, rows: Array) -> None:
        largest = np.abs(rows).max(0)
        ranges[layer] = np.maximum(ranges.get(layer, largest), largest)

    for ids in texts:
        read(decoder, ids, note)
    return ranges


def _move(giver: Any, readers: Sequence[Any], ranges: dict[Any, Array], heads: Sequence[int] | None = None) -> None:
    """Divide the channels that `giver` gives, and multiply the weights of `readers`.

    `heads`: the heads of keys and values, of the queries that share one, and channels: these share a factor.
    """
    activations, weights = ranges[readers[0]], np.abs(np.concatenate([layer.weight for layer in readers])).max(0)
    if heads:
        activations, weights = (found.reshape(heads).max(1) for found in (activations, weights))
    factors = np.maximum(activations, TINY) ** SMOOTHING / np.maximum(weights, TINY) ** (1 - SMOOTHING)
    given = multiplied = factors.ravel()
    if heads:
        queries = readers[0].weight.shape[1] // given.size
        multiplied = np.repeat(factors[:, None], queries, 1).ravel()
    giver.weight /= given if giver.weight.ndim == 1 else given[:, None]
    if getattr(giver, "bias", None) is not None:
        giver.bias /= given
    for layer in readers:
        layer.weight *= multiplied
