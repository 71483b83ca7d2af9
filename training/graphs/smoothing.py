"""The channels of a decoder's activations are made alike, so that 8 bits span each of them; no answer changes.

Each channel is divided by a factor that the weights which read it are multiplied by: Xiao et al., "SmoothQuant", 2022,
https://arxiv.org/abs/2211.10438. Here the division costs nothing, since it is put into the weights that give the
channel: those of a norm, of the values that attention mixes, and of what a gate lets through.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from app.tensors import Tensors
from training.graphs.linear import TINY, input_ranges
from training.networks.decoder import Decoder

SMOOTHING = 0.5  # how much of the spread of the channels moves from the activations to the weights


def smoothed(decoder: Decoder, batches: Iterable[Tensors]) -> Decoder:
    """A copy of `decoder` that answers the same; `batches` of `input_ids` show how large its channels become."""
    alike: Any = deepcopy(decoder)
    alike.lm_head.weight = nn.Parameter(alike.lm_head.weight.detach().clone())  # no longer the embeddings
    ranges = {layer: torch.from_numpy(found) for layer, found in input_ranges(alike, batches).items()}
    heads = (alike.config.num_key_value_heads, -1, alike.model.layers[0].self_attn.head_dim)
    with torch.no_grad():
        for layer in alike.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            _move(layer.input_layernorm, [attention.q_proj, attention.k_proj, attention.v_proj], ranges)
            _move(layer.post_attention_layernorm, [mlp.gate_proj, mlp.up_proj], ranges)
            _move(mlp.up_proj, [mlp.down_proj], ranges)
            _move(attention.v_proj, [attention.o_proj], ranges, heads)
        _move(alike.model.norm, [alike.lm_head], ranges)
    smooth: Decoder = alike
    return smooth


def _move(
    giver: Any, readers: Sequence[nn.Linear], ranges: dict[nn.Linear, Tensor], heads: Sequence[int] | None = None
) -> None:
    """Divide the channels that `giver` gives, and multiply the weights of `readers`.

    `heads`: the heads of keys and values, of the queries that share one, and channels: these share a factor.
    """
    activations, weights = ranges[readers[0]], torch.cat([layer.weight for layer in readers]).abs().amax(0)
    if heads:
        activations, weights = (found.reshape(*heads).amax(1) for found in (activations, weights))
    factors = activations.clamp_min(TINY) ** SMOOTHING / weights.clamp_min(TINY) ** (1 - SMOOTHING)
    given, read = factors.flatten(), factors.flatten()
    if heads:
        queries = readers[0].in_features // given.numel()
        read = factors[:, None].expand(-1, queries, -1).flatten()
    giver.weight.div_(given if giver.weight.ndim == 1 else given[:, None])
    if getattr(giver, "bias", None) is not None:
        giver.bias.div_(given)
    for layer in readers:
        layer.weight.mul_(read)
